"""Months, weekdays, zones and units of time as people of several languages write them."""

from __future__ import annotations

from typing import Final

#: German, French, Spanish, Italian, Portuguese, Dutch; the day comes first in all of them.
#: By first letters, which lets a word that is no month fail at once.
MONTH: Final = (
    r"(?:[Jj](?:an(?:uari?|v(?:ier)?|eiro)?|änner|un(?:io?|ho)?|ul(?:io?|ho)?|uin|uil(?:let)?)"
    r"|[Ff](?:eb(?:ruari?|er|rero|braio)?|év(?:r(?:ier)?)?|evrier|ev(?:ereiro)?)"
    r"|[Mm](?:är(?:z)?|rz|aart|rt|ar(?:s|zo|ço)?|a[iy]o?|ei|agg(?:io)?|ag)|[Aa](?:pr(?:il(?:e)?)?|vr(?:il)?|br(?:il)?"
    r"|ug(?:ust(?:us)?)?|go(?:sto)?|oût|out)|[Ss](?:ep(?:t(?:ember|embre|iembre)?)?|et(?:iembre|tembre|embro)?)"
    r"|[Oo](?:kt(?:ober)?|ct(?:obre)?|tt(?:obre)?|ut(?:ubro)?)|[Nn]ov(?:ember|embre|iembre|embro)?"
    r"|[Dd](?:ez(?:ember|embro)?|ec(?:ember|embre)?|éc(?:embre)?|ic(?:iembre|embre)?)"
    r"|[Ee]ne(?:ro)?|[Gg](?:en(?:naio)?|iu(?:gno)?)|[Ll]ug(?:lio)?)"
)
WEEKDAY: Final = (
    r"(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag|lundi|mardi|mercredi|jeudi|vendredi"
    r"|samedi|dimanche|lunes|martes|miércoles|jueves|viernes|sábado|domingo|luned[ìi]|marted[ìi]|mercoled[ìi]|gioved[ìi]"
    r"|venerd[ìi]|sabato|domenica|(?:segunda|terça|quarta|quinta|sexta)-feira|maandag|dinsdag|woensdag|donderdag"
    r"|vrijdag|zaterdag|zondag)"
)
#: ``um 9 Uhr``, ``à 14 h 30``, ``a las 9:30``, ``alle ore 9``
_AT: Final = r"(?:,?\s(?:um|à|a\slas?|alle(?:\sore)?|às|om|,)\s)"
CLOCK: Final = r"(?:[01]?[0-9]|2[0-3])(?:(?:[:.][0-5][0-9](?::[0-5][0-9])?)?\s?(?:Uhr(?:\s[0-5][0-9])?|uur)|\s?h\s?[0-5][0-9])\b"
#: ``3. März 2025``, ``5 de enero de 2025``, ``1er mai``; after its first digits.
DAY_AND_MONTH: Final = (
    rf"[0-9]{{1,2}}(?:\.|º|er|re|°)?\s(?:de\s|d['\u2019])?{MONTH}\b\.?(?:,?\s(?:de\s|del\s)?(?:19|20)[0-9]{{2}}\b)?"
    rf"(?:{_AT}?\s?(?:{CLOCK}|[0-2]?[0-9]\s?h\b|[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9])?))?"
)
#: ``2025年3月4日 10時30分``, ``3月4日``, ``2025년 3월 4일``
EAST_ASIAN: Final = (
    r"(?=[0-9]{1,4}\s?[年년月월時时点點시])(?:"
    r"(?:[0-9]{2,4}\s?[年년]\s?)?[0-9]{1,2}\s?[月월]\s?(?:[0-9]{1,2}\s?[日号號일])?"
    r"(?:\s?(?:[上下]午|午前|午後|오전|오후)?\s?[0-9]{1,2}\s?[時时点點시](?:\s?[0-9]{1,2}\s?[分분])?(?:\s?[0-9]{1,2}\s?[秒초])?"
    r"|\s[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9])?)?"
    r"|[0-9]{1,2}[時时点點시][0-9]{1,2}[分분](?:[0-9]{1,2}[秒초])?)"
)
#: Digits as Chinese and Japanese write them out.
_DIGIT: Final = "[\u3007\u25cb零一二三四五六七八九十廿]"
_TIME: Final = rf"(?:\s?(?:[上下]午|午前|午後|凌晨|晚上)?\s?{_DIGIT}{{1,3}}[時时点點](?:{_DIGIT}{{1,3}}分|半)?)?"
#: ``二〇二五年三月四日``, ``三月四日上午十点``, ``令和七年三月``
WRITTEN_OUT: Final = (
    rf"(?<!{_DIGIT})(?:(?:民国|民國|公元|西元|令和|平成)?(?:{_DIGIT}{{2,5}}|[元一二三四五六七八九])年{_DIGIT}{{1,3}}月(?:{_DIGIT}{{1,3}}[日号號])?"
    rf"|{_DIGIT}{{1,3}}月{_DIGIT}{{1,3}}[日号號]){_TIME}"
)
#: ``三分钟``, ``两小时``
WRITTEN_DURATION: Final = r"(?<![一二三四五六七八九十百两])[一二三四五六七八九十百两]{1,5}(?:个|個)?(?:分钟|分鐘|小时|小時|秒钟|秒鐘)"
#: ``星期三``, ``水曜日``, ``수요일``
EAST_ASIAN_WEEKDAY: Final = r"(?:星期|礼拜|禮拜|周|週)[一二三四五六日天](?![\u4e00-\u9fff])|[月火水木金土日]曜日|[월화수목금토일]요일"
#: ``America/New_York``
REGION: Final = (
    r"(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc|US|Canada)"
    r"/[A-Z][\w+-]{1,30}(?:/[A-Z][\w-]{1,30})?"
)
#: Words that stand after a number of them; by first letters, too.
UNIT: Final = (
    r"(?:[Ss](?:ek(?:unden?)?|econd(?:es?|i|o|en)|egundos?|emanas?|emaines?|ettiman[ae])|[Mm](?:inut(?:en|o|i|os)|inuut"
    r"|illisekunden?|illisecondes?|ilisegundos?|onat(?:e|en)?|ois|es(?:es)?|ês|es[ei]|aand(?:en)?)|Stunden?"
    r"|Tag(?:e|en)?|[Ww](?:ochen?|eken|eek)|Jahr(?:e|en)?|[Hh](?:eures?|oras?)|jours?|jaar|[Aa](?:nnées?|ños?|nos?|nn[oi])"
    r"|[Dd](?:[ií]as?|agen|ag)|or[ae]|giorn[oi]|u(?:ur|ren))\b"
    r"|ミリ秒|毫秒|秒(?:钟|鐘|間)?|分(?:钟|鐘|間)?|(?:个|個)?小时|(?:個)?小時|時間|天|日間|週間|[个個]月|[ヶか]月|周|초|분|시간|일"
)
