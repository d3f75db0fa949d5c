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
    "creditcard", "hmackey", "sessionkey", "webhookurl", "sessid", "passwort", "kennwort",
    "wachtwoord", "adgangskode", "salasana", "contrasena", "passord", "motdepasse", "lsenord",
    "katasandi", "storagekey", "aeskey", "fernetkey", "kagglekey", "jwtkey", "clientkeydata", "authsalt", "facode", "twofactorcode", "otpcode", "seedphrase", "recoveryphrase", "backupphrase", "recoverycode", "backupcode", "verificationcode", "mnemonic",
)  # fmt: skip
#: The same in other writing: looked for in the name as it is, in lower case.
_FOREIGN_PARTS: Final = (
    "contraseña", "contrasenya", "palavra-passe", "lösenord", "hasło", "jelszó", "parolă", "parola d’", "şifre",
    "mật khẩu", "clé api", "clé d'api", "clé secrète", "clé_api", "clave secreta", "clave api", "clave de acceso",
    "chave secreta", "chave de api", "chiave segreta", "chiave api", "schlüssel", "kod dostępu",
    "пароль", "секрет", "токен", "ключ api", "api-ключ", "api ключ", "гасло", "κωδικός", "סיסמה", "كلمة المرور",
    "كلمة السر", "पासवर्ड", "密码", "密碼", "口令", "密钥", "密鑰", "令牌", "パスワード", "暗証番号",
    "秘密鍵", "トークン", "비밀번호", "암호", "토큰", "รหัสผ่าน", "mot de passe",
)  # fmt: skip
#: As the last word of a name.
_SECRET_ENDS: Final = frozenset(
    "token dsn jwt otp cvv cvc ssn pat sas pin mnemonic pass passwd senha clave mdp haslo heslo parola sifre geheimnis"
    " sleutel kodeord passwords secrets apikeys credentials creds psk pw daccesso dordine adgangskode losenord geheim totp bindpw rootpw dbpw pgpw userpw pepper".split()
)
#: As the only word of a name.
_SECRET_WORDS: Final = frozenset({"auth", "pass", "pw", "sig", "hmac"})
#: Last words that :data:`_SECRET_ENDS` names and that mean something else behind these.
_OTHER_PASS: Final = frozenset(
    "by first second third last one two single multi forward backward render build compile boarding".split()
)
#: Words before ``token`` that make it one of a language or a model.
_OTHER_TOKENS: Final = frozenset(
    "eos bos pad unk mask cls sep stop special start end first last current previous prev unexpected".split()
)
#: ``storepass``, ``dbpass``; not ``compass``.
_ENDS_IN_PASS: Final = re.compile("(?!by|com|encom|tres|over|under|sur|im)[a-z]{2,12}pass")
#: Whose token or key it is where that stands behind: ``TOKEN_GITHUB``, not a parser's ``TOKEN_PLUS``.
_OWNERS: Final = frozenset(
    "github gitlab bitbucket npm pypi slack discord telegram openai anthropic gemini hf huggingface stripe sentry jira aws"
    " azure gcp vault docker dockerhub prod production staging live bot api auth access".split()
)
#: A last word that makes it something about a secret, not the secret.
_ABOUT: Final = frozenset(
    "count counts limit limits type types usage used length len size max min url uri endpoint name names hint policy"
    " field fields label id ids expiry expires expired expiration ttl rotation strength required enabled disabled format"
    " regex pattern validator reset prompt at in error errors invalid missing version algorithm location path file"
    " files dir prefix page form button input placeholder link confirmed changed set exists manager provider store"
    " class model handler service header headers env var variable param parameter present valid verified by on jar"
    " per second minute counter total budget cost price scope scopes audience issuer kind source attempts status"
    " hashing hasher protected lifetime age days minutes hours seconds toggle visible visibility rules generator"
    " encryption mode method strategy ref refs from selector santa cache bucket banner consent domain samesite secure httponly help text title message description".split()
)
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@lru_cache(maxsize=4096)
def is_sensitive(name: str) -> bool:
    """Tell whether a key, header, variable or parameter of this name holds a secret."""
    name = name[:96]
    words = [word.lower() for word in _WORD.findall(name)]
    if not name.isascii():
        lower = name.casefold()
        if any(part in lower for part in _FOREIGN_PARTS):
            return True
    while len(words) > 1 and words[-1].isdigit():
        words.pop()
    if words[-3:] == ["private", "key", "id"]:  # of a Google service account
        return True
    if len(words) == 2 and words[0] in ("token", "key") and words[1] in _OWNERS:
        return name.isupper() and "_" in name
    if (
        not words
        or words[-1] in _ABOUT
        or words[-1].removesuffix("s") in _ABOUT
        or any(word.startswith("secretar") for word in words)
    ):
        return False
    if words[-1] == "token" and len(words) > 1 and words[-2] in _OTHER_TOKENS:
        return False
    if _ENDS_IN_PASS.fullmatch(words[-1]):
        return True
    if words[-1] in _SECRET_ENDS:
        return (
            words[-1] != "pass"
            or (len(words) > 1 and words[-2] not in _OTHER_PASS)
            or words == ["pass"]
        )
    if len(words) == 1 and words[0] in _SECRET_WORDS:
        return True
    joined = "".join(words)
    return any(part in joined for part in _SECRET_PARTS)


@lru_cache(maxsize=4096)
def is_personal(name: str) -> bool:
    """Tell whether a key of this name holds a phone or account number, in whatever form."""
    words = [word.lower() for word in _WORD.findall(name[:96])]
    return bool(words) and (
        words[-1] in _PERSONAL_ENDS
        or (len(words) > 1 and words[-2] in _PERSONAL_ENDS and words[-1] in _NUMBERS)
    )


_PERSONAL_ENDS: Final = frozenset(
    "phone mobile telephone tel fax iban telefon telefono msisdn handynummer cellphone".split()
)
_NUMBERS: Final = frozenset("number no nr num e164".split())
