"""What the rooms of the REST API about vaults and stores take and give."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accord.encoding import b64encode
from peers.schema import Key, Text, Time, Whole, page_of
from vault.models import MAX_ENCLAVE_BYTES, MAX_ENCLAVES, MAX_SHARD_BYTES_A_DAY

MAX_NAME_CHARS = 200  # as typed; what is no name is refused by its form
MAX_DAY = 2**31 - 1


@extend_schema_field({"type": "object", "additionalProperties": True})
class Sealed(serializers.Field[Any, Any, Any, Any]):
    """A document that its owner has sealed and signed, as section 9 of the protocol has it; judged by the library."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """As it came."""
        if not isinstance(data, dict):
            raise serializers.ValidationError("an object expected")
        return data


class NameQuery(serializers.Serializer[Any]):
    """Whose vault."""

    name = serializers.CharField(max_length=MAX_NAME_CHARS)


class ParamsSerializer(serializers.Serializer[Any]):
    """How the password of a name becomes a key."""

    kdf = serializers.ChoiceField(choices=["pbkdf2-sha256"])
    salt = serializers.CharField()
    iterations = serializers.IntegerField()


class OpenSerializer(serializers.Serializer[Any]):
    """A name, and what its password or its recovery code becomes."""

    name = Text(max_length=MAX_NAME_CHARS)
    auth = Key()


class PutSerializer(serializers.Serializer[Any]):
    """The enclave, and what is to open it from now on; what is left out stays as it is."""

    name = Text(max_length=MAX_NAME_CHARS)
    auth = Key(required=False, help_text="needed the first time")
    recovery = Key(required=False, help_text="needed with a slot for the recovery code that is new")
    enclave = Sealed()


class EnclaveSerializer(serializers.Serializer[Any]):
    """A user enclave."""

    enclave = serializers.DictField()


class HeldSerializer(serializers.Serializer[Any]):
    """What is held now."""

    name = serializers.CharField()
    version = serializers.IntegerField(min_value=1)
    size = serializers.IntegerField(min_value=0)
    updated_at = Time()


class DocumentSerializer(serializers.Serializer[Any]):
    """A version of an enclave: `{v, type, id, version, body, sigblock}`."""

    enclave = Sealed()


class DocumentAnswer(serializers.Serializer[Any]):
    """The newest version of an enclave."""

    enclave = serializers.DictField()


class HeadSerializer(serializers.Serializer[Any]):
    """What is known of an enclave without its body."""

    id = Key(source="ident")
    type = serializers.ChoiceField(choices=[1, 2])
    version = serializers.IntegerField(min_value=1)
    key = Key(help_text="that signs the next version")
    hash = Key(help_text="for the next version to name as `prev`")
    size = serializers.IntegerField(min_value=0)
    updated_at = Time()


class StoreUseSerializer(serializers.Serializer[Any]):
    """How much of the stores an account takes; shards are counted anew each day."""

    enclaves = serializers.IntegerField(min_value=0, max_value=MAX_ENCLAVES)
    enclave_bytes = serializers.IntegerField(min_value=0, max_value=MAX_ENCLAVE_BYTES)
    day = serializers.IntegerField(min_value=0, help_text="days since 1970 UTC")
    day_bytes = serializers.IntegerField(min_value=0, max_value=MAX_SHARD_BYTES_A_DAY)


HeadPage = page_of(HeadSerializer, "HeadPage", use=StoreUseSerializer())


class ShardSerializer(serializers.Serializer[Any]):
    """A piece of ciphertext that burns; `id` is the SHA-256 of `body`."""

    id = Key(source="ident")
    id_attach = Key(source="attach")
    body = serializers.SerializerMethodField()
    burn_at = Time()

    def get_body(self, row: Any) -> str:
        """In base64url."""
        return b64encode(row.body)


class ShardInput(serializers.Serializer[Any]):
    """The same as it is brought; judged by the library."""

    id = Key()
    id_attach = Key()
    body = serializers.CharField(help_text="base64url, at most 256 KiB")
    burn_at = Whole(min_value=0)


class KeptSerializer(serializers.Serializer[Any]):
    """What became of it."""

    status = serializers.ChoiceField(choices=["stored", "duplicate"])


ShardPage = page_of(ShardSerializer, "ShardPage")


class ShardQuery(serializers.Serializer[Any]):
    """Which shards."""

    day = serializers.IntegerField(min_value=0, max_value=MAX_DAY, required=False)
    attach = Key(required=False)
