"""Which names hold secrets: ``api_key``, ``X-Auth-Token``, ``DB_PASSWORD``; not ``max_tokens``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

#: Anywhere in a name, case and separators aside.
_SECRET_PARTS: Final = (
    "password", "passwd", "passphrase", "passcode", "pwd", "secret", "apikey", "accesskey",
    "privatekey", "signingkey", "encryptionkey", "masterkey", "sharedkey", "accountkey", "authkey",
    "sshkey", "deploykey", "servicekey", "subscriptionkey", "licensekey", "authorization", "cookie",
    "credential", "connectionstring", "connstr", "bearer", "authtoken", "accesstoken",
    "refreshtoken", "idtoken", "securitytoken", "sessiontoken", "csrf", "xsrf", "cardnumber",
    "creditcard", "hmackey", "sessionkey", "webhookurl", "sessid",
)  # fmt: skip
#: As the last word of a name.
_SECRET_ENDS: Final = frozenset(
    {"token", "dsn", "jwt", "otp", "cvv", "cvc", "ssn", "pat", "sas", "pin", "mnemonic"}
)
#: A last word that makes it something about a secret, not the secret.
_ABOUT: Final = frozenset(
    "count counts limit limits type types usage used length len size max min url uri endpoint name names hint policy"
    " field fields label id ids expiry expires expired expiration ttl rotation strength required enabled disabled format"
    " regex pattern validator reset prompt at in error errors invalid missing version algorithm location path file"
    " files dir prefix page form button input placeholder link confirmed changed set exists manager provider store"
    " class model handler service header headers env var variable param parameter present valid verified by on jar"
    " per second minute counter total budget cost price scope scopes audience issuer kind source attempts status".split()
)
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@lru_cache(maxsize=4096)
def is_sensitive(name: str) -> bool:
    """Whether a key, header, variable or parameter of this name holds a secret."""
    words = [word.lower() for word in _WORD.findall(name[:96])]
    if not words or words[-1] in _ABOUT:
        return False
    if words[-1] in _SECRET_ENDS or words == ["auth"]:
        return True
    joined = "".join(words)
    return any(part in joined for part in _SECRET_PARTS)
