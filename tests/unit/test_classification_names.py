"""What an exception is called, what it quotes, and which of two equals decides."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess

import psycopg
import pytest

from genmon_otel.classification import classify

#: (category, critical?, names that applications give their exceptions)
NAMED: tuple[tuple[str, bool, str], ...] = (
    (
        "provider_error",
        False,
        "PromptTooLongError ProviderUnavailableError ModelOverloaded InputTooLargeForModel "
        "LLMRefusedToAnswer NoHealthyUpstream ConnectionLost UnknownModel StreamInterrupted "
        "ProviderFailure ModelServiceError LLMServiceDown ContextTooLong GatewayError502 UpstreamReset ContentRefused",
    ),
    (
        "provider_error",
        True,
        "QuotaExhaustedError OutOfCredits InvalidAPIKeyError TokenExpired AccountSuspended "
        "InsufficientFunds NotAuthorizedError",
    ),
    (
        "rate_limit",
        False,
        "RetryAfterError SlowDownError TooManyCallsError LLMThrottled ConcurrencyLimitReached",
    ),
    (
        "ai_timeout",
        False,
        "AgentStalled ModelDidNotRespond TimeBudgetExceeded LLMTookTooLong GenerationTimedOut deadline_exceeded StepOutOfTime",
    ),
    (
        "validation_error",
        False,
        "MalformedPlanError PlanInvalid OutputNotValid ModelOutputRejected AuditFailed "
        "BadModelOutput InvalidPlan SchemaMismatch EmptyAnswer MissingFieldError IncompleteOutput",
    ),
    (
        "syntax_error",
        False,
        "InvalidHtmlError UnterminatedString MalformedJSON CompileError UnexpectedEOF",
    ),
    (
        "dependency_error",
        False,
        "HallucinatedPackageError UnknownImportError UnresolvedModuleError MissingDependency "
        "ModuleMissingError NpmError ImportFailure PackageNotInstalled",
    ),
    (
        "unknown",
        True,
        "WorkerKilledError SandboxCrashed OOMKilled DiskFullError StorageFull SubprocessDied",
    ),
    (
        "unknown",
        False,
        "GenerationError BuildStepError OrchestratorError RenderFailed PageNotFound ProjectLocked "
        "AppError StepFailed TemplateError ConfigError StateError PlanConflict UserNotFound",
    ),
    (
        "ai_timeout",
        False,
        "PlannerTimeout StepDeadlineError AgentTimedOutError GenerationStalled LlmResponseTimeoutException WatchdogTimeout AgentStalledError ModelTimeoutExceeded LLMDeadlineMissed StreamIdleTimeout",
    ),
    (
        "rate_limit",
        False,
        "LlmThrottled ModelRateLimited TPMExceeded TooManyRequestsException RateLimitReached QuotaPerMinuteExceeded TooManyLLMCalls ProviderThrottlingError RpmLimitHit",
    ),
    (
        "provider_error",
        False,
        "LLMUnavailable ModelServerDown GeminiOverloadedError ContentPolicyError PromptBlockedException UpstreamModelError LLMConnectionError ContextLengthError ProviderHTTPError ModelRefusal LLMServiceError LLMOutage ModelOverload GatewayUnavailable PromptRejectedBySafety ModelHTTPFailure",
    ),
    (
        "provider_error",
        True,
        "LLMAuthError OutOfCreditsError ApiKeyMissing BillingLimitReached MissingAnthropicKey LLMQuotaExceeded CredentialsRejected",
    ),
    (
        "validation_error",
        False,
        "PlanValidationFailed OutputContractViolation InvalidPlanError SpecMismatchError SchemaViolation MalformedPlanError MissingFieldError TypeCheckFailed QualityGateFailed UnknownComponentError PlanSchemaError BadToolArguments InvalidComponentTree EmptyPlanError OutputTooShort",
    ),
    (
        "dependency_error",
        False,
        "NpmInstallFailed PackageNotFound UnresolvedModule DependencyConflict ImportResolutionError MissingPackageError PipInstallError LockfileError UnknownPackageError DependencyInstallFailed UnresolvableImport",
    ),
    (
        "syntax_error",
        False,
        "CodeSyntaxError JSXParseError HtmlParseFailure PythonParseError UnparsableCode InvalidSyntax TemplateSyntaxProblem UnparseableOutput CssSyntaxError BrokenJsonError TruncatedCodeError",
    ),
    (
        "unknown",
        False,
        "OrchestrationFailed WorkspaceLockedError StorageError ProjectNotFound StateMachineError AbortedByOperator ArtefactUploadFailed UserNotFound PreviewFailed",
    ),
    ("ai_timeout", False, "CodegenTimeout PlannerDeadlineExceeded ToolCallTimedOut"),
    ("rate_limit", False, "LLMThrottledError ProviderRateExceeded TokensPerMinuteExceeded"),
    (
        "provider_error",
        False,
        "LLMGatewayError ModelOffline InferenceFailed ContextTooLarge SafetyFilterTriggered",
    ),
    (
        "validation_error",
        False,
        "MissingSectionError BadPlan SpecValidationFailed UnexpectedOutputShape DuplicateRouteError LintFailed",
    ),
    ("dependency_error", False, "NodeModulesMissing UnknownImportError PackageConflict"),
    ("syntax_error", False, "BadJson MalformedHtml UnclosedTagError TypescriptParseFailed"),
    ("unknown", False, "WorkspaceGone RetryLater UnexpectedState"),
    ("ai_timeout", False, "LLMCallTimeout StepTimeoutError"),
    ("rate_limit", False, "GeminiRateLimited TooManyGenerations"),
    ("provider_error", False, "ProviderDownError LLMConnectionLost ContextWindowError"),
    ("provider_error", True, "OpenAIKeyInvalid CreditsExhausted"),
    ("validation_error", False, "OutputSchemaMismatch PlanIncomplete MissingPageError"),
    ("dependency_error", False, "NpmDependencyError MissingModule"),
    ("syntax_error", False, "JsxSyntaxError InvalidJsonError"),
    ("unknown", False, "NotificationFailed ProjectLocked"),
)


@pytest.mark.parametrize(
    ("category", "critical", "name"),
    [(category, critical, n) for category, critical, names in NAMED for n in names.split()],
)
def test_a_name_is_read_like_a_sentence(category: str, critical: bool, name: str) -> None:
    """A class nobody listed is told by the words its name is made of."""
    found = classify(type(name, (Exception,), {})())
    assert (found.category, found.severity == "critical") == (category, critical)


def test_a_name_for_anything_yields_to_the_message() -> None:
    """``ModelError`` is the provider's until its message knows better."""
    kind = type("ModelError", (Exception,), {})
    assert classify(kind()).category == "provider_error"
    assert classify(kind("429 Too Many Requests")).category == "rate_limit"


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.EISDIR, errno.EMFILE])
def test_a_path_tells_nothing(number: int) -> None:
    """What a folder is called is no failure of the model."""
    path = "/srv/app/rate_limit/timed out/invalid api key.json"
    found = classify(OSError(number, os.strerror(number), path))
    assert (found.category, found.severity) == ("unknown", "medium")


@pytest.mark.parametrize("program", ["playwright", "tailwindcss", "./node_modules/.bin/astro"])
def test_a_program_that_is_not_there_is_a_dependency(program: str) -> None:
    """As ``subprocess`` and ``asyncio`` say it."""
    with pytest.raises(FileNotFoundError) as caught:
        subprocess.run([program], check=True, env={"PATH": "/nowhere"})
    assert classify(caught.value).category == "dependency_error"


def test_an_answer_that_breaks_off_is_the_providers() -> None:
    """asyncio's streams say it in a type of their own."""

    async def read() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(b"abc")
        reader.feed_eof()
        await reader.readexactly(10)

    with pytest.raises(asyncio.IncompleteReadError) as caught:
        asyncio.run(read())
    assert classify(caught.value).category == "provider_error"


def test_of_equals_the_one_that_knows_how_bad_it_is_decides() -> None:
    """A refused key stays critical under a bare ``ConnectionError``."""
    refused = type("AuthenticationError", (Exception,), {"status_code": 401})()
    error = ConnectionError("gateway call failed")
    error.__cause__ = refused
    found = classify(error)
    assert (found.category, found.severity) == ("provider_error", "critical")
    assert found.decided_by is refused


def test_what_is_not_found_is_no_refused_key() -> None:
    """Providers advise to check one's access when a model's name is wrong."""
    kind = type("NotFoundError", (Exception,), {"status_code": 404})
    error = kind("model 'x' not found, make sure that you have access to the model")
    assert classify(error).severity == "high"


@pytest.mark.parametrize(
    ("error", "severity"),
    [
        (psycopg.errors.DiskFull('could not extend file "base/1/2": No space left'), "critical"),
        (psycopg.errors.OutOfMemory("out of memory"), "critical"),
        (psycopg.errors.DeadlockDetected("deadlock detected"), "medium"),
    ],
)
def test_the_stores_own_disk_and_memory_are_critical(error: Exception, severity: str) -> None:
    """A database that gave out is no less grave than the machine it runs on."""
    found = classify(error)
    assert (found.category, found.severity) == ("unknown", severity)


@pytest.mark.parametrize("message", ["exited with code -9", "exit status: 139", "rc=137"])
def test_a_program_that_was_killed_is_critical(message: str) -> None:
    """However its end is written into a message."""
    assert classify(RuntimeError(f"render subprocess {message}")).severity == "critical"
