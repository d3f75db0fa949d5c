"""Rules over type names, looked up along the MRO; nothing is imported to know them.

A key is ``root.Name`` (the top-level package and the bare class name, so that a library
may move its modules) or the bare ``Name`` of a built-in class. An application's own class
is recognised by the classes it derives from, never by its name. Decisions that are not
obvious:

- What does not parse is ``syntax_error``, JSON, YAML and TOML that a model wrote
  included; what parses but breaks a schema, or an output parser's or a guardrail's
  demands, is ``validation_error``.
- The application's own database is none of the provider's business: ``unknown``,
  whatever its sockets said; data that a constraint refused is ``validation_error``.
- A build or install that ran into its deadline without saying why is ``ai_timeout``,
  the only category about time.
"""

from __future__ import annotations

from typing import Final

from genmon_otel.classification.verdict import (
    DEPENDENCY,
    MACHINE,
    PROVIDER,
    RATE,
    SHUT_OUT,
    SYNTAX,
    TIMEOUT,
    UNKNOWN,
    VALIDATION,
    Label,
)


def _table(*groups: tuple[Label, str]) -> dict[str, Label]:
    return {name: label for label, names in groups for name in names.split()}


def _each(packages: str, *groups: tuple[Label, str]) -> dict[str, Label]:
    """Make a table of classes that have the same names in several packages, which one generator wrote."""
    return {
        f"{package}.{name}": label
        for label, names in groups
        for package in packages.split()
        for name in names.split()
    }


#: SDKs that Stainless generates, as it does OpenAI's: their classes have the same names.
_STAINLESS: Final = (
    "groq cerebras together fireworks writerai runwayml perplexity sambanova zai zhipuai "
    "portkey_ai llama_api_client llama_stack_client dashscope google langsmith langgraph_sdk "
    "lumaai browserbase"
)
#: SDKs that Fern generates, as it does Cohere's.
_FERN: Final = "cohere ai21 elevenlabs hume deepgram langfuse letta_client zep_cloud"
#: SDKs that follow OpenAI's before 1.0.
_EARLY: Final = "openai voyageai together fireworks"


_GENERATED: Final = {
    **_each(
        _STAINLESS,
        (TIMEOUT, "APITimeoutError"),
        (RATE, "RateLimitError"),
        (SHUT_OUT, "AuthenticationError PermissionDeniedError"),
        (PROVIDER, "APIConnectionError APIResponseValidationError BadRequestError NotFoundError"),
        (PROVIDER, "ConflictError UnprocessableEntityError"),
    ),
    **_each(
        _FERN,
        (TIMEOUT, "GatewayTimeoutError"),
        (RATE, "TooManyRequestsError"),
        (SHUT_OUT, "UnauthorizedError ForbiddenError PaymentRequiredError InvalidTokenError"),
        (PROVIDER, "ServiceUnavailableError InternalServerError"),
    ),
    **_each(
        _EARLY,
        (TIMEOUT, "Timeout"),
        (RATE, "RateLimitError"),
        (SHUT_OUT, "AuthenticationError PermissionError"),
        (PROVIDER, "APIConnectionError ServiceUnavailableError InvalidRequestError TryAgain"),
    ),
}

#: Types that say all there is to say.
EXACT: Final = _GENERATED | _table(
    (
        TIMEOUT,
        "TimeoutError asyncio.TimeoutError socket.timeout httpx.ReadTimeout httpx.ConnectTimeout "
        "requests.ReadTimeout requests.ConnectTimeout openai.APITimeoutError anthropic.APITimeoutError groq.APITimeoutError "
        "anthropic.RequestTimeoutError anthropic.GatewayTimeoutError litellm.Timeout "
        "httpx.TimeoutException httpcore.ReadTimeout httpcore.ConnectTimeout httpx2.TimeoutException httpcore.TimeoutException "
        "httpcore2.TimeoutException requests.Timeout urllib3.ReadTimeoutError "
        "urllib3.ConnectTimeoutError urllib3.TimeoutError botocore.ReadTimeoutError "
        "botocore.ConnectTimeoutError aiohttp.ServerTimeoutError subprocess.TimeoutExpired "
        "concurrent.TimeoutError billiard.SoftTimeLimitExceeded billiard.TimeLimitExceeded "
        "celery.SoftTimeLimitExceeded celery.TimeLimitExceeded grpc.FutureTimeoutError "
        "cohere.GatewayTimeoutError google.DeadlineExceeded google.GatewayTimeout "
        "google.TimeoutError langgraph.NodeTimeoutError java.SocketTimeoutException java.HttpTimeoutException langchain_core.ModelTimeoutError "
        "huggingface_hub.InferenceTimeoutError llama_index.WorkflowTimeoutError playwright.TimeoutError selenium.TimeoutException "
        "pyppeteer.TimeoutError pexpect.TIMEOUT temporalio.TimeoutError e2b.TimeoutException "
        "daytona.DaytonaTimeoutError modal.TimeoutError trio.TooSlowError func_timeout.FunctionTimedOut "
        "workflows.WorkflowTimeoutError volcenginesdkarkruntime.ArkAPITimeoutError "
        "azure.ServiceRequestTimeoutError azure.ServiceResponseTimeoutError curl_cffi.Timeout "
        "niquests.Timeout niquests.ReadTimeout niquests.ConnectTimeout "
        "websocket.WebSocketTimeoutException dashscope.TimeoutException qianfan.RequestTimeoutError "
        "lmstudio.LMStudioTimeoutError text_generation.ShardTimeoutError agents.ToolTimeoutError "
        "tavily.TimeoutError firecrawl.RequestTimeoutError eventlet.Timeout "
        "gevent.Timeout ray.GetTimeoutError dspy.LMTimeoutError langsmith.LangSmithRequestTimeout "
        "openrouter.RequestTimeoutResponseError openrouter.GatewayTimeoutResponseError "
        "openrouter.EdgeNetworkTimeoutResponseError dashscope.GatewayTimeoutError "
        "outlines.APITimeoutError runwayml.TaskTimeoutError exa_py.ExaTimeoutError "
        "smolagents.ExecutionTimeoutError agents.ExecTimeoutError crewai.TaskTimeoutError "
        "fireworks.DeploymentSamplerTimeoutError elevenlabs.FlowsWaitTimeoutError "
        "daytona_sdk.DaytonaTimeoutError daytona.DaytonaConnectionTimeoutError "
        "erniebot.TimeoutError databricks.DeadlineExceeded rq.JobTimeoutException dramatiq.TimeLimitExceeded celery.TimeoutError",
    ),
    (
        RATE,
        "openai.RateLimitError anthropic.RateLimitError groq.RateLimitError "
        "together.RateLimitError cohere.TooManyRequestsError google.ResourceExhausted "
        "google.TooManyRequests litellm.RateLimitError litellm.RouterRateLimitError "
        "langchain_core.ModelRateLimitError zhipuai.APIReachLimitError zai.APIReachLimitError "
        "volcenginesdkarkruntime.ArkRateLimitError text_generation.RateLimitExceededError "
        "firecrawl.RateLimitError duckduckgo_search.RatelimitException ddgs.RatelimitException "
        "dspy.LMRateLimitError agno.ModelRateLimitError strands.ModelThrottledException "
        "langsmith.LangSmithRateLimitError outlines.RateLimitError e2b.RateLimitException "
        "daytona.DaytonaRateLimitError daytona_sdk.DaytonaRateLimitError "
        "openrouter.TooManyRequestsResponseError databricks.TooManyRequests "
        "github.RateLimitExceededException erniebot.RequestLimitError",
    ),
    (
        SHUT_OUT,
        "openai.AuthenticationError openai.PermissionDeniedError openai.OAuthError "
        "anthropic.AuthenticationError anthropic.PermissionDeniedError "
        "anthropic.PaymentRequiredError anthropic.CredentialsError "
        "anthropic.ContractSpendLimitReachedError anthropic.EnforcedSpendLimitReachedError "
        "anthropic.OrganizationOnHoldError groq.AuthenticationError "
        "groq.PermissionDeniedError cohere.UnauthorizedError cohere.ForbiddenError "
        "cohere.InvalidTokenError google.Unauthenticated google.Unauthorized "
        "google.Forbidden google.PermissionDenied google.GoogleAuthError "
        "google.RefreshError google.DefaultCredentialsError botocore.NoCredentialsError "
        "botocore.PartialCredentialsError botocore.CredentialRetrievalError "
        "botocore.NoAuthTokenError botocore.TokenRetrievalError botocore.SSOError "
        "botocore.LoginError botocore.UnauthorizedSSOTokenError botocore.ProfileNotFound "
        "litellm.AuthenticationError litellm.PermissionDeniedError "
        "litellm.BudgetExceededError langchain_core.ModelAuthenticationError "
        "langchain_core.ModelPermissionDeniedError huggingface_hub.GatedRepoError "
        "huggingface_hub.LocalTokenNotFoundError azure.ClientAuthenticationError "
        "volcenginesdkarkruntime.ArkAuthenticationError "
        "volcenginesdkarkruntime.ArkPermissionDeniedError zai.APIAuthenticationError "
        "zhipuai.APIAuthenticationError dashscope.AuthenticationError "
        "qianfan.AccessTokenExpiredError aleph_alpha_client.QuotaError "
        "ibm_watsonx_ai.InvalidCredentialsError ai21.MissingApiKeyError "
        "semantic_kernel.ServiceInvalidAuthError agent_framework.ServiceInvalidAuthError "
        "tavily.UsageLimitExceededError tavily.InvalidAPIKeyError tavily.MissingAPIKeyError "
        "tavily.ForbiddenError firecrawl.PaymentRequiredError firecrawl.UnauthorizedError "
        "dspy.LMAuthError dspy.LMBillingError agno.ModelAuthenticationError "
        "langsmith.LangSmithAuthError outlines.AuthenticationError outlines.PermissionDeniedError "
        "e2b.AuthenticationException daytona.DaytonaAuthenticationError "
        "daytona_sdk.DaytonaAuthenticationError modal.AuthError fal_client.MissingCredentialsError "
        "stability_sdk.OutOfCreditsException openrouter.UnauthorizedResponseError "
        "openrouter.ForbiddenResponseError openrouter.PaymentRequiredResponseError "
        "ai21.CredentialsError guardrails.ExpiredTokenError guardrails.InvalidTokenError "
        "agent_framework.AgentInvalidAuthException agent_framework.ChatClientInvalidAuthException "
        "databricks.Unauthenticated databricks.PermissionDenied github.BadCredentialsException "
        "erniebot.InvalidTokenError erniebot.TokenExpiredError erniebot.PermissionError erniebot.TokenUpdateFailedError",
    ),
    (
        PROVIDER,
        "openai.APIResponseValidationError openai.ContentFilterFinishReasonError "
        "openai.BadRequestError openai.NotFoundError openai.ConflictError "
        "openai.UnprocessableEntityError openai.WebSocketConnectionClosedError "
        "anthropic.APIResponseValidationError anthropic.OverloadedError "
        "anthropic.BadRequestError anthropic.NotFoundError anthropic.ConflictError "
        "anthropic.UnprocessableEntityError anthropic.ContentTooLargeError "
        "openai.APIConnectionError anthropic.APIConnectionError groq.APIConnectionError "
        "httpx.NetworkError httpx.ProtocolError httpx.ProxyError httpx.DecodingError "
        "httpx2.NetworkError httpx2.ProtocolError httpx2.ProxyError httpx2.DecodingError "
        "httpcore.NetworkError httpcore.ProtocolError httpcore.ProxyError "
        "httpcore2.NetworkError httpcore2.ProtocolError httpcore2.ProxyError "
        "requests.SSLError requests.ProxyError requests.ChunkedEncodingError "
        "requests.ContentDecodingError urllib3.NewConnectionError urllib3.ProtocolError "
        "urllib3.SSLError urllib3.ProxyError urllib3.NameResolutionError "
        "urllib3.IncompleteRead http.IncompleteRead http.RemoteDisconnected "
        "http.BadStatusLine aiohttp.ClientConnectionError aiohttp.ClientPayloadError "
        "aiohttp.ContentTypeError botocore.EndpointConnectionError "
        "botocore.ConnectionClosedError botocore.ProxyConnectionError botocore.SSLError "
        "botocore.ResponseStreamingError botocore.IncompleteReadError "
        "botocore.NoRegionError mistralai.ResponseValidationError "
        "mistralai.NoResponseError mistralai.HTTPValidationError "
        "litellm.ContextWindowExceededError litellm.ContentPolicyViolationError "
        "litellm.APIResponseValidationError litellm.RejectedRequestError "
        "google.BlockedPromptException google.StopCandidateException "
        "google.UnknownApiResponseError google.TransportError "
        "vertexai.ResponseValidationError vertexai.ResponseBlockedError "
        "huggingface_hub.ValidationError huggingface_hub.OverloadedError "
        "huggingface_hub.GenerationError huggingface_hub.IncompleteGenerationError "
        "huggingface_hub.RepositoryNotFoundError langchain_core.ContextOverflowError "
        "langchain_core.ModelAPIError langchain_core.ModelConnectionError "
        "langchain_core.ModelInvalidRequestError langchain_core.ModelNotFoundError "
        "vllm.EngineDeadError vllm.EngineGenerateError vllm.AsyncEngineDeadError "
        "vllm.MQEngineDeadError aleph_alpha_client.BusyError "
        "volcenginesdkarkruntime.ArkAPIConnectionError volcenginesdkarkruntime.ArkNotFoundError "
        "volcenginesdkarkruntime.ArkBadRequestError zai.APIServerFlowExceedError "
        "zhipuai.APIServerFlowExceedError zai.APIInternalError zhipuai.APIInternalError "
        "replicate.ModelError dashscope.ServiceUnavailableError "
        "text_generation.OverloadedError text_generation.GenerationError "
        "text_generation.IncompleteGenerationError text_generation.ShardNotReadyError "
        "text_generation.ValidationError lmstudio.LMStudioServerError "
        "lmstudio.LMStudioModelNotFoundError lmstudio.LMStudioPredictionError "
        "lmstudio.LMStudioWebsocketError lmstudio.LMStudioChannelClosedError "
        "crewai.LLMContextLengthExceededError crewai.LLMContextLengthExceededException "
        "semantic_kernel.ContentFilterAIException semantic_kernel.ServiceContentFilterException "
        "agent_framework.ServiceContentFilterException pydantic_ai.ContentFilterError "
        "langchain_google_genai.ChatGoogleGenerativeAIError appbuilder.RiskInputException "
        "appbuilder.HTTPConnectionException appbuilder.AppBuilderServerException "
        "azure.ServiceRequestError azure.ServiceResponseError azure.IncompleteReadError "
        "niquests.SSLError niquests.ProxyError niquests.ChunkedEncodingError "
        "websocket.WebSocketConnectionClosedException websocket.WebSocketAddressException "
        "websocket.WebSocketProxyException httpx_sse.SSEError h11.RemoteProtocolError "
        "h2.ProtocolError curl_cffi.ConnectionError curl_cffi.SSLError curl_cffi.ProxyError "
        "dspy.ContextWindowExceededError dspy.LMInvalidRequestError dspy.LMServerError "
        "dspy.LMTransportError agno.ContextWindowExceededError "
        "strands.ContextWindowOverflowException langsmith.LangSmithAPIError "
        "langsmith.LangSmithConnectionError outlines.APIConnectionError outlines.BadRequestError "
        "outlines.NotFoundError outlines.ProviderResponseError outlines.ServerError "
        "dashscope.ContentFilterError dashscope.OverloadedError dashscope.InvalidRequestError "
        "claude_agent_sdk.CLIConnectionError claude_code_sdk.CLIConnectionError "
        "google.NoResponseError mistralai.StreamDisconnectedError xai_sdk.VideoGenerationError "
        "runwayml.TaskFailedError vllm.VLLMServerError vllm.QueueOverflowError "
        "agent_framework.AgentContentFilterException agent_framework.ChatClientContentFilterException "
        "huggingface_hub.LocalEntryNotFoundError tavily.BadRequestError "
        "erniebot.ConnectionError erniebot.ServiceUnavailableError erniebot.TryAgain "
        "websockets.ConnectionClosed asyncio.IncompleteReadError ConnectionError socket.gaierror socket.herror "
        "ssl.SSLError",
    ),
    (
        VALIDATION,
        "pydantic.ValidationError pydantic_core.ValidationError "
        "jsonschema.ValidationError jsonschema.SchemaError jsonschema._WrappedReferencingError "
        "marshmallow.ValidationError django.ValidationError voluptuous.Invalid "
        "cerberus.DocumentError msgspec.ValidationError cattrs.BaseValidationError "
        "cattrs.ClassValidationError typeguard.TypeCheckError pandera.SchemaError "
        "fastapi.ValidationException schema.SchemaError fastjsonschema.JsonSchemaException "
        "botocore.ParamValidationError litellm.JSONSchemaValidationError "
        "openai.LengthFinishReasonError langchain_core.OutputParserException "
        "langchain.OutputParserException instructor.ValidationError "
        "instructor.AsyncValidationError instructor.ResponseParsingError "
        "instructor.IncompleteOutputException guardrails.ValidationError "
        "guardrails.UserFacingException pydantic_ai.UnexpectedModelBehavior "
        "agents.ModelBehaviorError dspy.AdapterParseError smolagents.AgentParsingError "
        "xmlschema.XMLSchemaValidationError dacite.DaciteError "
        "litellm.GuardrailRaisedException sqlalchemy.IntegrityError sqlalchemy.DataError "
        "agents.InputGuardrailTripwireTriggered agents.OutputGuardrailTripwireTriggered "
        "cattrs.IterableValidationError cattrs.ForbiddenExtraKeysError "
        "strands.StructuredOutputException langchain.StructuredOutputError crewai.OutputParserError "
        "crewai.ConverterError llama_index.OutputParserException smolagents.AgentToolCallError "
        "autogen_core.InvalidToolArgumentsException guardrails.SchemaValidationError "
        "agent_framework.ChatClientInvalidResponseException pandera.SchemaErrors "
        "huggingface_hub.StrictDataclassFieldValidationError jsonschema.FormatError "
        "beartype.BeartypeCallHintViolation "
        "jsonschema_rs.ValidationError strictyaml.YAMLValidationError "
        "trafaret.DataError "
        "urllib3.LocationValueError sqlite3.IntegrityError sqlite3.DataError psycopg.IntegrityError psycopg.DataError "
        "psycopg2.IntegrityError psycopg2.DataError fastavro.ValidationError",
    ),
    (
        DEPENDENCY,
        "ImportError ModuleNotFoundError importlib.PackageNotFoundError importlib_metadata.PackageNotFoundError sqlalchemy.NoSuchModuleError "
        "pkg_resources.ResolutionError packaging.InvalidRequirement "
        "packaging.InvalidSpecifier packaging.InvalidVersion "
        "botocore.MissingDependencyException resolvelib.ResolutionError "
        "claude_agent_sdk.CLINotFoundError claude_code_sdk.CLINotFoundError "
        "guardrails.PipProcessError pypdf.DependencyError git.GitCommandNotFound "
        "graphviz.ExecutableNotFound pytesseract.TesseractNotFoundError "
        "pdf2image.PDFInfoNotInstalledError selenium.NoSuchDriverException "
        "jupyter_client.NoSuchKernel bs4.FeatureNotFound",
    ),
    (
        SYNTAX,
        "SyntaxError json.JSONDecodeError simplejson.JSONDecodeError requests.JSONDecodeError "
        "orjson.JSONDecodeError ujson.JSONDecodeError yaml.YAMLError ruamel.YAMLError "
        "tomllib.TOMLDecodeError tomli.TOMLDecodeError toml.TomlDecodeError "
        "tomlkit.ParseError tokenize.TokenError xml.ParseError xml.ExpatError "
        "pyexpat.ExpatError xml.SAXParseException configparser.ParsingError "
        "configparser.MissingSectionHeaderError _csv.Error csv.Error msgspec.DecodeError "
        "jinja2.TemplateSyntaxError mako.SyntaxException mako.CompileException "
        "libcst.ParserSyntaxError lark.UnexpectedInput pyparsing.ParseBaseException "
        "parso.ParserSyntaxError blib2to3.ParseError black.InvalidInput sqlglot.ParseError "
        "sqlglot.TokenError "
        "graphql.GraphQLSyntaxError esprima.Error json5.Json5Exception hjson.HjsonDecodeError google.ParseError "
        "bs4.ParserRejectedMarkup lxml.ParseError django.TemplateSyntaxError "
        "claude_agent_sdk.CLIJSONDecodeError claude_code_sdk.CLIJSONDecodeError nbformat.NotJSONError "
        "jsonpath_ng.JsonPathLexerError jsonpath_ng.JsonPathParserError lark.LexError lark.ParseError "
        "semantic_kernel.BlockSyntaxError semantic_kernel.TemplateSyntaxError sqlparse.SQLParseError "
        "soupsieve.SelectorSyntaxError html5lib.ParseError "
        "jmespath.ParseError jmespath.EmptyExpressionError",
    ),
    (  # an invalid address made by the application: no request was sent
        UNKNOWN,
        "requests.MissingSchema requests.InvalidSchema requests.InvalidURL httpx.UnsupportedProtocol "
        "httpx.InvalidURL httpx2.UnsupportedProtocol httpx2.InvalidURL aiohttp.InvalidURL",
    ),
    (
        MACHINE,
        "MemoryError concurrent.BrokenProcessPool concurrent.BrokenExecutor "
        "billiard.WorkerLostError billiard.Terminated loky.TerminatedWorkerError "
        "psycopg.DiskFull psycopg.OutOfMemory psycopg2.DiskFull psycopg2.OutOfMemory "
        "torch.OutOfMemoryError numpy._ArrayMemoryError tensorflow.ResourceExhaustedError "
        "ray.OutOfDiskError nbclient.DeadKernelError",
    ),
)

#: Types that may wrap anything: whatever else is known of the exception goes first.
FALLBACK: Final = _each(
    f"openai anthropic {_STAINLESS}", (PROVIDER, "APIError APIStatusError InternalServerError")
) | _table(
    (
        PROVIDER,
        "dspy.LMError agno.ModelProviderError fal_client.FalClientError assemblyai.AssemblyAIError "
        "openrouter.OpenRouterError google.GenAiError litellm.BaseLLMException firecrawl.FirecrawlError "
        "agent_framework.ChatClientException vllm.VLLMError huggingface_hub.InferenceEndpointError "
        "claude_agent_sdk.ResultError sparkai.SparkAIException deepgram.ApiError deepgram.DeepgramError "
        "deepgram.DeepgramApiError litellm.InternalServerError litellm.ServiceUnavailableError "
        "litellm.APIConnectionError litellm.APIError litellm.MidStreamFallbackError "
        "openai.OpenAIError anthropic.AnthropicError groq.GroqError mistralai.MistralError "
        "cohere.ApiError google.APIError google.GoogleAPIError google.RpcError grpc.RpcError "
        "httpx.HTTPError httpx2.HTTPError requests.ConnectionError requests.RequestException urllib3.HTTPError "
        "urllib.URLError aiohttp.ClientError botocore.ClientError botocore.BotoCoreError "
        "http.HTTPException huggingface_hub.HfHubHTTPError huggingface_hub.TextGenerationError "
        "ollama.ResponseError replicate.ReplicateException together.TogetherException "
        "zhipuai.ZhipuAIError voyageai.VoyageError dashscope.DashScopeException "
        "azure.AzureError langchain_core.ModelError websockets.WebSocketException "
        "websocket.WebSocketException curl_cffi.RequestException curl_cffi.CurlError pycurl.error "
        "niquests.RequestException tencentcloud.TencentCloudSDKException "
        "volcenginesdkarkruntime.ArkAPIError zai.ZaiError qianfan.QianfanError qianfan.APIError "
        "appbuilder.AppBuilderBaseException ibm_watsonx_ai.ApiRequestFailure "
        "ibm_watsonx_ai.WMLClientError ibm_cloud_sdk_core.ApiException voyageai.APIError "
        "cerebras.CerebrasError fireworks.FireworksError together.TogetherError "
        "sambanova.SambaNovaError perplexity.PerplexityError writerai.WriterError "
        "replicate.ReplicateError lmstudio.LMStudioError "
        "text_generation.UnknownError ollama.RequestError ai21.AI21APIError "
        "mistralai.SDKError mistralai.SDKBaseError elevenlabs.ApiError "
        "semantic_kernel.ServiceResponseException semantic_kernel.ServiceException "
        "agent_framework.ServiceResponseException smolagents.AgentGenerationError "
        "pydantic_ai.ModelAPIError pydantic_ai.ModelHTTPError erniebot.EBError",
    ),
    (TIMEOUT, "google.RetryError"),
    (
        MACHINE,
        "ray.OutOfMemoryError ray.WorkerCrashedError",
    ),
    (
        VALIDATION,
        "instructor.InstructorRetryException instructor.InstructorError agents.AgentsException",
    ),
)
#: Catch-all types with a status that no server sent.
INVENTED_STATUS: Final = frozenset({"litellm.APIConnectionError"})

#: Packages whose errors are about the application's own stores and queues, and about services that
#: are no models: payments, messages.
INFRASTRUCTURE: Final = frozenset(
    "sqlalchemy sqlite3 psycopg psycopg2 psycopg_pool asyncpg pymysql MySQLdb mysql aiomysql "
    "asyncmy oracledb pyodbc peewee tortoise pymongo bson redis aioredis valkey kombu amqp "
    "pika aio_pika aiokafka kafka confluent_kafka nats elasticsearch elastic_transport opensearchpy filelock docker "
    "kubernetes alembic clickhouse_connect aiosqlite duckdb neo4j cassandra pymemcache qdrant_client weaviate "
    "pymilvus chromadb pinecone stripe braintree twilio".split()
)

#: Web frameworks: a status on their errors is what the application answers, not what it was answered.
SERVERS: Final = frozenset(
    "starlette fastapi werkzeug flask django rest_framework ninja falcon sanic litestar tornado bottle quart".split()
)

#: Packages that talk to model providers, or the HTTP clients they talk with: any 4xx counts.
CLIENTS: Final = frozenset(
    "openai anthropic groq mistralai cohere google litellm botocore httpx httpx2 requests "
    "aiohttp urllib urllib3 huggingface_hub ollama replicate together zhipuai voyageai "
    "dashscope azure pydantic_ai langchain_core vertexai grpc websockets cerebras xai_sdk "
    "ai21 fireworks writerai runwayml portkey_ai langfuse vllm volcenginesdkarkruntime "
    "tencentcloud zai qianfan appbuilder ibm_watsonx_ai ibm_cloud_sdk_core sambanova perplexity "
    "aleph_alpha_client text_generation lmstudio curl_cffi niquests websocket elevenlabs hume "
    "deepgram letta_client llama_api_client llama_stack_client semantic_kernel agent_framework "
    "crewai smolagents langchain_google_genai tavily firecrawl httpx_sse langsmith langgraph_sdk "
    "lumaai browserbase openrouter fal_client stability_sdk dspy agno strands outlines "
    "assemblyai exa_py erniebot".split()
)

#: A mistake in the program: its message quotes the program, so words in it are no evidence.
BUGS: Final = frozenset(
    "AttributeError KeyError IndexError NameError UnboundLocalError ZeroDivisionError "
    "RecursionError UnicodeDecodeError UnicodeEncodeError StopIteration StopAsyncIteration "
    "_RemoteTraceback RemoteTraceback".split()
)
