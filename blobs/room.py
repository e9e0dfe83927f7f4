"""The room that blobs may take, as the operator has set it."""

from __future__ import annotations

import shutil
from functools import lru_cache
from typing import Final

from django.conf import settings

from accord.blobs import sealed_size
from peers import options

MIB: Final = 1024 * 1024
DEFAULT_BLOBS_MIB: Final = 5 * 1024
MOST_BLOBS_MIB: Final = 64 * 1024 * 1024
MOST_FILE_MIB: Final = 128  # a backup holds one in memory
SPARE_DISK_BYTES: Final = 256 * MIB  # left to the store, whatever is brought


@lru_cache(maxsize=1)
def _default_mib() -> int:
    """5 GiB, or a quarter of a smaller disk."""
    total = (
        shutil.disk_usage(settings.ACCORD_HOME).total if settings.ACCORD_HOME.exists() else 4 * DEFAULT_BLOBS_MIB * MIB
    )
    return max(16, min(DEFAULT_BLOBS_MIB, total // 4 // MIB))


BLOBS_MIB: Final = options.number(
    "blobs_mib",
    "Room for files",
    explains="How much of the disk the files in messages may take, besides the store. They are encrypted: the hub "
    "cannot see what they are. Beyond it copies of other hubs' files go first, then the oldest.",
    affects="With less room than is taken now, the oldest files go within a minute, for good; the messages stay.",
    default=_default_mib,
    least=0,
    most=MOST_BLOBS_MIB,
    unit="MiB",
)
FILE_MIB: Final = options.number(
    "file_mib",
    "Largest file",
    explains="How large a file in a message may be.",
    affects="Files that are there stay.",
    default=32,
    least=1,
    most=MOST_FILE_MIB,
    unit="MiB",
)
ACCOUNT_FILES_MIB: Final = options.number(
    "account_files_mib",
    "Files of one account",
    explains="How much room the files that one member has sent may take together. What a member deletes, or what "
    "disappears by itself, makes room again. They count to the account's bytes too, where those have a limit.",
    affects="Who has more already keeps it, and sends no more until there is room.",
    default=1024,
    least=1,
    most=MOST_BLOBS_MIB,
    unit="MiB",
)


def most_bytes() -> int:
    """How large a blob may be."""
    return sealed_size(FILE_MIB.value * MIB)
