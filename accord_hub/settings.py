"""Settings of the hub. Without any environment: one process, everything under ~/.accord, loopback only.

ACCORD_HOME   where the hub keeps its keys and its database (default ~/.accord)
ACCORD_NAME   what the hub is called (default "Accord Hub")
ACCORD_URL    the address that members use, when a reverse proxy serves the hub (default: the loopback address)

Importing this module touches nothing on the disk.
"""

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from accord_hub.assets import static_version

BASE_DIR = Path(__file__).resolve().parent.parent
ACCORD_HOME = Path(os.environ.get("ACCORD_HOME") or "~/.accord").expanduser().absolute()
ACCORD_NAME = os.environ.get("ACCORD_NAME", "Accord Hub")
ACCORD_URL = os.environ.get("ACCORD_URL", "").rstrip("/")
ACCORD_CAPACITY = 1_000  # accounts and unspent invites of a new hub

_public = urlsplit(ACCORD_URL)
if ACCORD_URL and (_public.scheme not in ("http", "https") or not _public.netloc or _public.path):
    raise ImproperlyConfigured("ACCORD_URL is an origin like https://hub.example")

# Nothing that Django signs outlives the process yet, so its key need not either.
SECRET_KEY = secrets.token_urlsafe(50)
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *([_public.hostname] if _public.hostname else [])]

INSTALLED_APPS = [
    "accord_hub.apps.AccordHubConfig",  # before daphne: its runserver is ours
    "daphne",
    "channels",
    "django.contrib.staticfiles",
    "peers.apps.PeersConfig",
    "invites.apps.InvitesConfig",
    "messaging.apps.MessagingConfig",
]
MIDDLEWARE = [
    "accord_hub.middleware.content_security_policy",  # outermost: pages of errors have it too
    "django.middleware.security.SecurityMiddleware",
    "accord_hub.middleware.StaticFiles",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.common.CommonMiddleware",  # refuses a Host that is not the hub's
]
ROOT_URLCONF = "accord_hub.urls"
ASGI_APPLICATION = "accord_hub.asgi.application"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [BASE_DIR / "templates"]}]

# Every static file lies under a folder named after the content of all of them, so browsers keep them for ever, modules
# import each other by relative paths, and no page mixes files of two versions.
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_URL = f"/static/{static_version(BASE_DIR)}/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_IMMUTABLE_FILE_TEST = r"."  # all of them, by the folder's name
WHITENOISE_ALLOW_ALL_ORIGINS = False

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ACCORD_HOME / "hub.sqlite3",
        "OPTIONS": {
            # A write transaction takes the lock at its start, or two of them could deadlock when they upgrade.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # FULL: what is acknowledged survives a power cut. The cache and the rare checkpoints keep the store
            # fast at a million messages. secure_delete: a purged body is overwritten, not only unlinked.
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16384;"
                "PRAGMA wal_autocheckpoint=20000; PRAGMA temp_store=MEMORY; PRAGMA secure_delete=ON"
            ),
        },
        "TEST": {"NAME": ACCORD_HOME / "test.sqlite3"},  # a file, so that threads share it
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False

SECURE_REFERRER_POLICY = "no-referrer"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # bytes of a request's body, whatever it holds

CELERY_BROKER_URL = "memory://localhost/"
CELERY_BROKER_TRANSPORT = "accord_hub.background:WakingTransport"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_BEAT_SCHEDULE = {
    "invites.expire": {"task": "invites.expire", "schedule": 60},  # seconds
    "messaging.burn": {"task": "messaging.burn", "schedule": 10},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "filters": {
        # uvicorn writes a traceback for text that is not UTF-8, which any stranger can send.
        "no_bad_text": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: not record.getMessage().startswith("Invalid UTF-8 sequence"),
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["no_bad_text"]}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        # What strangers ask for in vain is no event of the hub.
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}
