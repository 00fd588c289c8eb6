"""The application: its paths and their functions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Security
from fastapi.security import APIKeyHeader
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles

from tweet_sentiment import __version__
from tweet_sentiment.data.records import CsvForm
from tweet_sentiment.predictor import Predictor
from tweet_sentiment.serving.limits import Limits
from tweet_sentiment.serving.metrics import MEDIA_TYPE
from tweet_sentiment.serving.middleware import CSV_PATH, KEY_HEADER, RequestLimits
from tweet_sentiment.serving.problems import ProblemError, answer_errors, documented
from tweet_sentiment.serving.schemas import Explanation, Health, Model, Posts, Prediction
from tweet_sentiment.serving.service import Service
from tweet_sentiment.serving.tables import Asked

PAGE = Path(__file__).with_name("page")
ERRORS = documented(400, 401, 403, 408, 413, 415, 422, 500, 503, 504)
STRING = {"schema": {"type": "string"}}
CSV = {"content": {"text/csv": STRING}}

router = APIRouter()


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Served = Annotated[Service, Depends(_service)]


def create_app(
    predictor: Predictor,
    limits: Limits | None = None,
    api_key: str | None = None,
    folder: Path | None = None,
    hosts: Sequence[str] = ("*",),
) -> FastAPI:
    """Return the application that serves ``predictor`` under the names ``hosts``.

    ``folder`` is where it was loaded from, for card and news.
    """
    service = Service(predictor, limits or Limits(), folder)
    app = FastAPI(
        title="tweet-sentiment",
        description="Labels and probabilities of posts. Errors are application/problem+json and say what to correct.",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=service.running,
        dependencies=[Security(APIKeyHeader(name=KEY_HEADER, auto_error=False))] if api_key else [],
    )
    app.state.service = service
    app.include_router(router)
    app.mount("/page", StaticFiles(directory=PAGE), name="page")
    answer_errors(app)
    observe = service.metrics.request
    app.add_middleware(RequestLimits, limits=service.limits, api_key=api_key, hosts=hosts, observe=observe)
    return app


@router.post("/predict", response_model=list[Prediction], responses=ERRORS)
async def predict(posts: Posts, service: Served) -> JSONResponse:
    """Return label and probabilities of one post or many, in their order."""
    return JSONResponse(await service.answer(posts))


@router.post("/explain", response_model=list[Explanation], responses=documented(501) | ERRORS)
async def explain(posts: Posts, service: Served) -> JSONResponse:
    """Return label, probabilities, and the influence of each word of the cleaned text (integrated gradients)."""
    if not service.predictor.explains:
        raise ProblemError(501, "An ONNX model has no gradients. Serve the folder it was exported from.")
    return JSONResponse(await service.answer(posts, explain=True))


@router.post(
    CSV_PATH,
    response_class=Response,
    responses=ERRORS | {200: {"description": "The CSV with predictions", **CSV}},
    openapi_extra={"requestBody": {"required": True, **CSV}},
)
async def predict_csv(
    request: Request,
    service: Served,
    text_column: Annotated[str | None, Query(description="Name of the text column")] = None,
    entity_column: Annotated[
        str | None, Query(description="Name of the entity column, for a model that reads entities")
    ] = None,
    header: Annotated[
        Literal["auto", "true", "false"], Query(description="Whether the first row is a header")
    ] = "auto",
    delimiter: Annotated[str, Query(pattern=r"^([,;|\t]|auto)$", description="Delimiter of the fields")] = "auto",
    quoting: Annotated[
        Literal["auto", "csv", "none"],
        Query(description="csv: quotes enclose fields; none: they are ordinary characters"),
    ] = "auto",
    encoding: Annotated[
        str, Query(max_length=40, description="Encoding of the file: auto, or a name such as utf-8")
    ] = "utf-8",
    prefix: Annotated[str, Query(max_length=100, description="Prefix of the names of the added columns")] = "",
) -> Response:
    """Return the CSV with the added columns label, probability_<label> and error."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "text/csv":
        raise ProblemError(415, f"The body is '{kind}'. Send the CSV itself, with Content-Type: text/csv.")
    form = CsvForm(delimiter, quoting, encoding, "auto" if header == "auto" else header == "true")
    asked = Asked(text_column, entity_column, form, prefix)
    return Response(await service.table(await request.body(), asked), media_type="text/csv")


@router.get("/health", response_model=Health, responses=documented(400, 503))
async def health(service: Served) -> Health:
    """Return whether the service answers requests."""
    if not service.alive:
        raise ProblemError(503, "The model's queue has stopped. Restart the service.")
    return Health(status="ok", waiting_posts=service.waiting)


@router.get("/model", response_model=Model, responses=documented(400, 401, 503))
async def model(service: Served) -> Model:
    """Return labels, manifest, card and limits of the served model."""
    return service.model()


@router.get(
    "/metrics",
    response_class=Response,
    responses=documented(400, 401, 503) | {200: {"description": "Figures", "content": {"text/plain": STRING}}},
)
async def metrics(service: Served) -> Response:
    """Return metrics in Prometheus' text format."""
    return Response(service.metrics.text(), media_type=MEDIA_TYPE)


@router.get("/", include_in_schema=False)
async def page() -> FileResponse:
    """Return the page to try the model on."""
    return FileResponse(PAGE / "index.html")


@router.get("/docs", include_in_schema=False)
async def docs() -> FileResponse:
    """Return the readable page of the OpenAPI document."""
    return FileResponse(PAGE / "docs.html")
