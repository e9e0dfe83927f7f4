"""Settings of the hub. Without any environment: one process, everything under ~/.accord, loopback only.

ACCORD_HOME   where the hub keeps its keys and its database (default ~/.accord)
ACCORD_NAME   what the hub is called (default "Accord Hub"). Said when the hub is started, it is kept in the file `name`
              of the home, so that its commands say the same
ACCORD_URL    the address that members use, when a reverse proxy serves the hub (default: what `manage.py init --url`
              has put into the file `url` of the home, else the loopback address)
ACCORD_MODE   "full": a hub with members (default); "gossip": a mirror without members, which relays and stores what its
              links bring. Said once, it is kept in the file `mode` of the home until something else is said
DATABASE_URL  postgres://...: the store is in PostgreSQL (default: SQLite in the home; docs/operator.md)
ACCORD_LOG    "json": a log of one JSON object a line, requests and logins too (default: lines, what is unusual)

Importing this module writes nothing to the disk.
"""

import contextlib
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import SimpleLazyObject

from accord_hub.assets import static_version

BASE_DIR = Path(__file__).resolve().parent.parent
ACCORD_HOME = Path(os.environ.get("ACCORD_HOME") or "~/.accord").expanduser().absolute()
ACCORD_LOG_JSON = os.environ.get("ACCORD_LOG", "").lower() == "json"
ACCORD_LOG_LEVEL = "INFO" if ACCORD_LOG_JSON else "WARNING"  # until the operator sets another
ACCORD_CAPACITY = 1_000  # accounts and unspent invites of a new hub


def _said(variable: str, file: str) -> str:
    """What the environment says, else what a file of the home keeps."""
    said = os.environ.get(variable, "")
    if not said:
        with contextlib.suppress(OSError):
            said = (ACCORD_HOME / file).read_text(encoding="utf-8").strip()
    return said


ACCORD_NAME = _said("ACCORD_NAME", "name") or "Accord Hub"


def _mode() -> str:
    said = _said("ACCORD_MODE", "mode")
    if said not in ("", "full", "gossip"):
        raise ImproperlyConfigured("ACCORD_MODE is full or gossip")
    return said or "full"


ACCORD_MODE = _mode()
IS_GOSSIP = ACCORD_MODE == "gossip"

ACCORD_URL = _said("ACCORD_URL", "url").rstrip("/")
_public = urlsplit(ACCORD_URL)
if ACCORD_URL and (_public.scheme not in ("http", "https") or not _public.netloc or _public.path):
    raise ImproperlyConfigured("ACCORD_URL is an origin like https://hub.example")


def _secret_key() -> str:
    from console.keys import django_key  # noqa: PLC0415 - it needs these settings

    return django_key()


# Sessions of the console outlive the process, so the key does too: it comes from a file in the hub's home, which is
# read (and on a new machine made) when the key is first used.
SECRET_KEY = SimpleLazyObject(_secret_key)
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *([_public.hostname] if _public.hostname else [])]

INSTALLED_APPS = [
    "accord_hub.apps.AccordHubConfig",  # first: its runserver is ours
    "channels",
    "console.apps.ConsoleConfig",  # before unfold and admin: its templates are ours
    "unfold.apps.BasicAppConfig",
    "console.apps.ConsoleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    # The REST API is for members.
    *(["rest_framework", "drf_spectacular", "drf_spectacular_sidecar"] if not IS_GOSSIP else []),
    "peers.apps.PeersConfig",
    "invites.apps.InvitesConfig",
    "blobs.apps.BlobsConfig",
    "messaging.apps.MessagingConfig",
    "discovery.apps.DiscoveryConfig",
    "plugins.apps.PluginsConfig",
    "links.apps.LinksConfig",
    "vault.apps.VaultConfig",
]
MIDDLEWARE = [
    "accord_hub.middleware.observed",  # outermost: it counts and times everything
    "accord_hub.middleware.content_security_policy",  # pages of errors have it too
    "accord_hub.middleware.tls_in_front",
    "django.middleware.security.SecurityMiddleware",
    "accord_hub.middleware.StaticFiles",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.common.CommonMiddleware",  # refuses a Host that is not the hub's
    # Cookies are the console's alone; these five do nothing elsewhere.
    "console.middleware.Sessions",
    "django.middleware.csrf.CsrfViewMiddleware",
    "console.middleware.Authentication",
    "console.middleware.Messages",
    "console.middleware.console_pages",
]
ROOT_URLCONF = "accord_hub.urls"
ASGI_APPLICATION = "accord_hub.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [  # of pages that are rendered with their request: the console's
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Every static file lies under a folder named after the content of all of them, so browsers keep them for ever, modules
# import each other by relative paths, and no page mixes files of two versions.
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_URL = f"/static/{static_version(BASE_DIR)}/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_IMMUTABLE_FILE_TEST = r"."  # all of them, by the folder's name
WHITENOISE_ALLOW_ALL_ORIGINS = False

_SQLITE: dict[str, Any] = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": ACCORD_HOME / "hub.sqlite3",
    "OPTIONS": {
        # A write transaction takes the lock at its start, or two of them could deadlock when they upgrade.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # FULL: what is acknowledged survives a power cut. The cache and the rare checkpoints keep the store
        # fast at a million messages. secure_delete: a purged body is overwritten, not only unlinked. auto_vacuum:
        # freed pages can be given back to the disk; it comes first, for it counts only
        # before the file is made.
        "init_command": (
            "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
            "PRAGMA cache_size=-16384; PRAGMA wal_autocheckpoint=20000; PRAGMA temp_store=MEMORY; "
            "PRAGMA secure_delete=ON"
        ),
    },
    "TEST": {"NAME": ACCORD_HOME / "test.sqlite3"},  # a file, so that threads share it
}


def _database(url: str) -> dict[str, Any]:
    """What DATABASE_URL names; without it a file of SQLite in the home."""
    if not url:
        return _SQLITE
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql") or len(parts.path) < 2:
        raise ImproperlyConfigured("DATABASE_URL is like postgres://user:password@host:5432/name")
    asked = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": asked.pop("host", "") or parts.hostname or "",  # ?host=/run/postgresql: a Unix socket
        "PORT": str(parts.port or ""),
        "OPTIONS": asked,
    }


DATABASES = {"default": _database(os.environ.get("DATABASE_URL", ""))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False

SECURE_REFERRER_POLICY = "no-referrer"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # bytes of a request's body, whatever it holds

# The console's session (console/middleware.py bounds its life further). Nothing else has cookies.
_is_https = _public.scheme == "https"
SESSION_COOKIE_NAME = "accord_console"
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = "/console/"
SESSION_COOKIE_AGE = 12 * 3600  # seconds
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _is_https
CSRF_COOKIE_NAME = "accord_console_csrf"
CSRF_COOKIE_AGE = None  # gone with the browser's window
CSRF_TRUSTED_ORIGINS = [ACCORD_URL] if ACCORD_URL else []
CSRF_FAILURE_VIEW = "console.entry.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# Behind https, browsers are told to come no other way. The proxy that ends the TLS redirects plain HTTP, not the hub,
# which listens on loopback only (W008); other hosts under the same name are not the hub's to decide about (W005, W021).
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _is_https else 0
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"] if _is_https else []

CACHES = {
    # What throttles count: of this process alone, gone with it. More entries than that, and a third of them is dropped.
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 100_000}}
}
REST_FRAMEWORK = {
    # No sessions, no cookies: a token in the header is all that says who asks (peers/rest.py).
    "DEFAULT_AUTHENTICATION_CLASSES": ["peers.rest.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["peers.rest.IsMember"],
    "DEFAULT_THROTTLE_CLASSES": ["peers.throttles.MemberThrottle", "peers.throttles.AddressThrottle"],
    "DEFAULT_PARSER_CLASSES": ["peers.rest.JSONBody"],
    "DEFAULT_RENDERER_CLASSES": ["peers.rest.JSONAnswer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "peers.rest.OneForm",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "peers.rest.exception_handler",
    "UNAUTHENTICATED_USER": None,
    # The proxy in front of the hub says whose request it passes on; without one nobody is believed.
    "NUM_PROXIES": 1 if ACCORD_URL else 0,
}
SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "TITLE": "Accord Hub",
    "DESCRIPTION": (
        "The REST API of an Accord hub. Signed messages go in and out as their authors signed them; the API signs "
        "nothing. Bytes are base64url without padding, times are milliseconds since 1970 UTC, lists are "
        "`{items, next}`, every refusal is `{code, detail, retry_ms?}` with a stable code."
    ),
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [],  # words that a field may be stay where the field is
    "SORT_OPERATION_PARAMETERS": False,
    "TAGS": [
        {"name": "login", "description": "A bearer token, by the protocol's handshake"},
        {"name": "me", "description": "Whose token it is"},
        {"name": "messages", "description": "Publish and read signed messages"},
        {"name": "blobs", "description": "Sealed files of messages"},
        {"name": "topics", "description": "Where messages are addressed"},
        {"name": "channels", "description": "Open channels"},
        {"name": "users", "description": "Members of this hub"},
        {"name": "identities", "description": "Whose feeds are held here, and who they say they are"},
        {"name": "invites", "description": "Invites that I gave"},
        {"name": "devices", "description": "Programs that act for me"},
        {"name": "sessions", "description": "My live sessions"},
        {"name": "vault", "description": "My keys behind a name and a password, sealed"},
        {"name": "enclaves", "description": "Durable documents, sealed; each version signed by the key named before"},
        {"name": "shards", "description": "Pieces of ciphertext that burn"},
        {"name": "hub", "description": "The hub's signed document"},
        {"name": "pow", "description": "Proof of work, for strangers"},
    ],
    "COMPONENT_SPLIT_PATCH": False,
}

CELERY_BROKER_URL = "memory://localhost/"
CELERY_BROKER_TRANSPORT = "accord_hub.background:WakingTransport"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ROUTES = {  # workers of their own (accord_hub/background.py)
    "plugins.run": {"queue": "plugins"},
    "messaging.burn": {"queue": "burning"},
    "vault.burn": {"queue": "burning"},
    "blobs.burn": {"queue": "burning"},
}
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_BEAT_SCHEDULE = {
    "invites.expire": {"task": "invites.expire", "schedule": 60},  # seconds
    "invites.removals": {"task": "invites.removals", "schedule": 5},
    "invites.replace": {"task": "invites.replace", "schedule": 5},
    "peers.sweep": {"task": "peers.sweep", "schedule": 60},
    "peers.allowances": {"task": "peers.allowances", "schedule": 60},
    "messaging.burials": {"task": "messaging.burials", "schedule": 5},
    "blobs.burn": {"task": "blobs.burn", "schedule": 10},
    "blobs.keep": {"task": "blobs.keep", "schedule": 30},
    "blobs.strays": {"task": "blobs.strays", "schedule": 3600},
    "messaging.burn": {"task": "messaging.burn", "schedule": 10},
    "messaging.trees": {"task": "messaging.trees", "schedule": 5},
    "messaging.roots": {"task": "messaging.roots", "schedule": 3600},
    "discovery.look": {"task": "discovery.look", "schedule": 60},
    "messaging.prune": {"task": "messaging.prune", "schedule": 5},
    "messaging.strangers": {"task": "messaging.strangers", "schedule": 3600},
    "messaging.reports": {"task": "messaging.reports", "schedule": 60},
    "messaging.room": {"task": "messaging.room", "schedule": 300},
    "messaging.backup": {"task": "messaging.backup", "schedule": 60},
    "links.compare": {"task": "links.compare", "schedule": 15},
    "links.sweep": {"task": "links.sweep", "schedule": 3600},
    "plugins.run": {"task": "plugins.run", "schedule": 5},  # what is put off is at most so late
    "plugins.sweep": {"task": "plugins.sweep", "schedule": 30},
    "vault.burn": {"task": "vault.burn", "schedule": 10},
    "vault.sweep": {"task": "vault.sweep", "schedule": 600},
    "console.count": {"task": "console.count", "schedule": 60},
    "console.sweep": {"task": "console.sweep", "schedule": 3600},
    "console.audit": {"task": "console.audit", "schedule": 3600},
}
if IS_GOSSIP:  # nobody is invited, and the hubs that it mirrors have their own plugins
    for name in ("invites.expire", "invites.removals", "invites.replace", "plugins.run"):
        del CELERY_BEAT_SCHEDULE[name]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "accord_hub.logs.LineFormatter"},
        "json": {"()": "accord_hub.logs.JsonFormatter"},
    },
    "filters": {
        # uvicorn writes a traceback for text that is not UTF-8, which any stranger can send.
        "no_bad_text": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: not record.getMessage().startswith("Invalid UTF-8 sequence"),
        }
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json" if ACCORD_LOG_JSON else "line",
            "filters": ["no_bad_text"],
        },
        "recent": {"class": "console.log_lines.Recent", "formatter": "json", "filters": ["no_bad_text"]},
    },
    "root": {"handlers": ["console", "recent"], "level": ACCORD_LOG_LEVEL},
    "loggers": {
        # What strangers ask for in vain is no event of the hub.
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "django.security.csrf": {"level": "ERROR"},
        # What they tell beside warnings is for those who work on them.
        **{name: {"level": "WARNING"} for name in ("asyncio", "celery", "daphne", "kombu", "uvicorn", "webauthn")},
    },
}
