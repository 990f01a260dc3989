"""What webhooks are signed with, and how their keys are kept."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.utils import timezone

from audit.errors import ConflictError
from registry.models.webhook import Scheme
from registry.webhooks.sealing import make_key_if_absent, seal, unseal
from registry.webhooks.signatures import SigningKey, signed_headers

NONCE = bytes(12)


@pytest.fixture
def key_file(settings, tmp_path):
    settings.ATTESTRY_WEBHOOK_KEY = tmp_path / "keys" / "webhook-key"
    make_key_if_absent()
    return settings.ATTESTRY_WEBHOOK_KEY


def test_published_vector_of_standard_webhooks_is_reached():
    """The vector of the specification's own libraries (`Webhook.sign`)."""
    key = SigningKey(Scheme.HMAC, base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))

    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        keys=[key],
        now=datetime.fromtimestamp(1614265330, tz=UTC),
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert key.shown == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_ed25519_is_verified_with_the_public_key_that_was_shown():
    key = SigningKey(Scheme.ED25519, bytes(range(32)))
    assert key.shown.startswith("whpk_")
    public = Ed25519PublicKey.from_public_bytes(
        base64.b64decode(key.shown.removeprefix("whpk_"))
    )

    headers = signed_headers("msg_1", b"{}", keys=[key], now=timezone.now())

    scheme, _, signature = headers["webhook-signature"].partition(",")
    signed = f"msg_1.{headers['webhook-timestamp']}.".encode() + b"{}"
    assert scheme == "v1a"
    public.verify(base64.b64decode(signature), signed)
    with pytest.raises(InvalidSignature):
        public.verify(base64.b64decode(signature), signed + b" ")


def test_sealed_secret_is_not_readable_and_opens_for_its_owner_only(key_file):
    sealed = seal(b"s" * 32, owner="webhook/1", nonce=NONCE)

    assert b"s" * 4 not in sealed
    assert unseal(sealed, owner="webhook/1") == b"s" * 32
    with pytest.raises(ConflictError) as refusal:
        unseal(sealed, owner="webhook/2")
    assert refusal.value.code == "webhook_key_does_not_open"


def test_altered_secret_does_not_open(key_file):
    sealed = seal(b"s" * 32, owner="webhook/1", nonce=NONCE)

    with pytest.raises(ConflictError):
        unseal(sealed[:-1] + bytes([sealed[-1] ^ 1]), owner="webhook/1")


def test_former_key_still_opens_what_it_sealed(key_file):
    sealed = seal(b"s" * 32, owner="webhook/1", nonce=NONCE)
    former = key_file.read_text()

    key_file.write_text(f"{'ab' * 32}\n{former}")

    assert unseal(sealed, owner="webhook/1") == b"s" * 32
    key_file.write_text(f"{'ab' * 32}\n")
    with pytest.raises(ConflictError):
        unseal(sealed, owner="webhook/1")


def test_key_is_made_once_and_for_nobody_else_to_read(key_file):
    made = key_file.read_text()

    make_key_if_absent()

    assert key_file.read_text() == made
    assert key_file.stat().st_mode & 0o777 == 0o600


def test_key_from_the_environment_needs_no_file(settings):
    settings.ATTESTRY_WEBHOOK_KEY = "cd" * 32
    make_key_if_absent()

    sealed = seal(b"s" * 32, owner="webhook/1", nonce=NONCE)

    assert unseal(sealed, owner="webhook/1") == b"s" * 32


@pytest.mark.parametrize(
    ("content", "mode", "code"),
    [
        (None, None, "webhook_key_missing"),
        ("", 0o600, "webhook_key_malformed"),
        ("not hex", 0o600, "webhook_key_malformed"),
        ("ab" * 16, 0o600, "webhook_key_malformed"),
        ("ab" * 32, 0o644, "webhook_key_open_to_others"),
    ],
)
def test_unusable_key_is_named(settings, tmp_path, content, mode, code):
    path = settings.ATTESTRY_WEBHOOK_KEY = tmp_path / "webhook-key"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)

    with pytest.raises(ConflictError) as refusal:
        seal(b"s" * 32, owner="webhook/1", nonce=NONCE)

    assert refusal.value.code == code
