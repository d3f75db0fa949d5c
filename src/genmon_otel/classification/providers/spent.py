"""Sentences that say a quota or the credit is used up: every next call fails too."""

from __future__ import annotations

from typing import Final

from genmon_otel.classification.phrases import ANSWERED, Entry, entry, form
from genmon_otel.classification.verdict import RATE, SHUT_OUT

#: Sentences that say a quota or the credit is used up, wherever they stand.
SPENT: Final[tuple[Entry, ...]] = (
    entry(
        SHUT_OUT,
        "openai.quota",
        "OpenAI with HTTP 429 when the credit is used up, and services that imitate its API",
        "insufficient_quota",
        "you exceeded your current quota",
        "you have exhausted your daily quota on this model",
        form(r"\byou have reached your daily \S{1,60} quota limit", "daily quota limit"),
        form(ANSWERED + r"402 (?:insufficient (?:balance|credits)|payment required)\b", "402"),
        "exceeded your current quota, please check your",
        "exceeded_current_quota_error",
        "your newly created team doesn't have any credits",
        "inactive subscription or usage limit reached",
        "billing_hard_limit_reached",
        "billing hard limit has been reached",
        "your account is not active, please check your billing details",
    ),
    entry(
        SHUT_OUT,
        "per_day",
        "OpenAI, Groq, Google, OpenRouter, Cerebras, GitHub Models and Bedrock with HTTP 429 when a day's quota is used up",
        "tokens per day limit exceeded - too many tokens",
        "requests per day limit exceeded - too many requests",
        "too many tokens per day, please wait",
        "free-models-per-day",
        form(r"\((?:tpd|rpd)\)|\b(?:tpd|rpd) limit reached|\bmax (?:tpd|rpd)\b", "tpd", "rpd"),
        form(r"\b\w{0,80}perday\w{0,80}\b.{0,20}$", "perday"),
        form(r"per 86400s exceeded", "86400"),
        "open api daily request limit reached",
        "open api total request limit reached",
        "out of call volume quota. quota will be replenished",
        "日流控超限",
        "已达到当天调用次数上限",
        "已达到每日调用限额",
    ),
    entry(
        SHUT_OUT,
        "anthropic.credit",
        "Anthropic with HTTP 400 or 429",
        "your credit balance is too low",
        "you have reached your specified api usage limits",
        "you will regain access on",
        "claude usage limit reached",
        "you've hit your usage limit. upgrade to",
        "you've hit your usage limit. visit",
        form(r"\byou're out of extra usage [∙·|] resets", "extra usage"),
        form(r"(?:5-hour|session|weekly|opus) limit (?:reached )?[∙·|] ?resets", "limit"),
        form(r"\byou've hit your (?:session |weekly |opus )?limit [∙·|] resets", "limit"),
    ),
    entry(
        SHUT_OUT,
        "openrouter.credit",
        "OpenRouter with HTTP 402, 403 or 429",
        "insufficient credits. add more using",
        "requires more credits, or fewer max_tokens",
        form(r"\bkey limit exceeded \((?:\w+ )?limit\)", "key limit exceeded"),
    ),
    entry(
        SHUT_OUT,
        "deepseek.balance",
        "DeepSeek, SiliconFlow, MiniMax and xAI with HTTP 402 or 403",
        "sorry, your account balance is insufficient",
        "has either used all available credits or",
        "used all available credits or reached its monthly spending limit",
    ),
    entry(
        SHUT_OUT,
        "alibaba.arrears",
        "DashScope, Volcengine Ark, Zhipu and Tencent when the account is in arrears",
        "arrearage",
        "accountoverdueerror",
        "your account has an overdue balance",
        "make sure your account is in good standing",
        "insufficient balance, please recharge your account or check your plan",
        "is denied because your account balance is overdue",
        "has reached the set inference limit for",
        "资源包余量已用尽",
        "欠费停服",
        "coding plan套餐已到期",
        "free tier of the model has been exhausted",
        "exhausted its free trial quota",
        "账户已欠费",
        "账户欠费",
        "已欠费",
        "余额不足或无可用资源包",
        "资源包用尽",
        "免费额度已用完",
        "您的限额将在",
    ),
    entry(
        SHUT_OUT,
        "huggingface.credit",
        "Hugging Face, Together, Replicate, Fireworks, Cohere, NVIDIA and ElevenLabs with HTTP 402, 403, 412 or 429",
        "exceeded your monthly included credits",
        "credit limit exceeded, please navigate to",
        "you have insufficient credit to run this model",
        "reaching the monthly spending limit or failure to pay past invoices",
        "api calls / month",
        "you have exceeded your (free |pro |)gpu quota",
        "you have reached the free time limit. to continue using replicate",
        "insufficient balance (1008)",
        "usage limit exceeded (2056)",
        "this request exceeds your plan's set usage limit",
        "cloud credits expired",
        "this request exceeds your quota of",
        "budget has been exceeded! current cost",
        "exceededbudget: ",
        "budget_exceeded",
    ),
)
#: What makes a 429 a quota of the day or the month. Tried only where a status, a code or a type
#: says already that a provider limited or refused the call, so ordinary words are enough.
SPENT_WORDS: Final[tuple[Entry, ...]] = (
    entry(
        SHUT_OUT,
        "quota_per_day",
        "providers beside HTTP 429, 402 or 403",
        form(
            r"\bper[ _-]?(?:day|week|month)\b|\b\w{0,80}per(?:day|month)\w{0,80}\b|/ ?(?:day|month)\b|\bby ?day\b|\b(?:24h|30d)\b"
        ),
        form(
            r"\b(?:daily|weekly|monthly)\b(?! rate limit)[^\n]{0,60}\b(?:limit|quota|cap|budget|allowance|credits?|spend\w*|tokens?|requests?|usage)\b"
        ),
        form(r"\b(?:tpd|rpd)\b"),
        form(r"\bretry (?:after|in) \d{5,} ?s"),
        form(r"\bper 86400 ?s"),
    ),
    entry(
        RATE,
        "rate_per_minute",
        "providers beside HTTP 429",
        form(
            r"\bper[ _-]?(?:min(?:ute)?|sec(?:ond)?|hour)\b|\w{0,80}per_?(?:minute|second)\w{0,80}|/ ?(?:min(?:ute)?|s|sec)\b|\b[tr]p[ms]\b|\bqps\b"
        ),
        form(r"\b(?:concurren\w*|burst|in[- ]flight)\b|并发|频率"),
        form(r"resource has been exhausted \(e\.g\. check quota\)"),
        form(r"allocated quota exceeded"),
    ),
    entry(
        SHUT_OUT,
        "credit_used_up",
        "providers beside HTTP 429, 402 or 403",
        form(
            r"insufficient_quota|exceeded_current_quota|\bquota\b[^\n]{0,60}\b(?:exceeded|exhausted|reached|used up|insufficient|depleted)\b|\b(?:exceed\w*|exhausted|reached|insufficient|over|no)\b[^\n]{0,40}\bquota\b"
        ),
        form(
            r"\b(?:insufficient|not enough|out of|no (?:more |remaining )?|low on|used all|run out of|lacks?)\b[^\n]{0,20}\b(?:balance|credits?|funds)\b"
        ),
        form(
            r"\b(?:balance|credits?|funds)\b[^\n]{0,30}\b(?:too low|insufficient|exhausted|depleted|used up|expired|empty|negative|zero|exceeded)\b"
        ),
        form(
            r"\b(?:spend(?:ing)?|billing|budget)[ _](?:hard[ _])?(?:limit|cap)s?\b|\bbudget\b[^\n]{0,30}\bexceeded\b"
        ),
        form(r"\bbilling (?:details|account|is)\b|\bpayment (?:required|method|overdue|failed)\b"),
        form(
            r"\b(?:past due|overdue|unpaid|good standing|arrears)\b|\bfree[ -]tier\b[^\n]{0,40}\b(?:exhausted|exceeded|ended|used)"
        ),
        form(r"欠费|余额|充值|额度|配额|限额|上限"),
    ),
)
