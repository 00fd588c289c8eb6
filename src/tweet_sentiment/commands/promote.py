"""``kedro promote``: the model that was the best before is the best again, or the best one goes to the Hub."""

from pathlib import Path

import click

from tweet_sentiment.cli import Command
from tweet_sentiment.commands.options import model_folder, takes_model
from tweet_sentiment.errors import StudyError


@click.command(name="promote", cls=Command, short_help="Restore the previous best model, or upload the best.")
@click.option("--previous", is_flag=True, help="Restore the previous best model.")
@click.option("--push-to-hub", metavar="NAME", help="Upload the best model to this repository of the Hugging Face Hub.")
@takes_model
def promote(previous: bool, push_to_hub: str | None, model: Path | None, run: str | None, env: str | None) -> None:
    """Restore the previous best model (the two change places), or upload the best one with its card.

    A missing repository is created, as a private one.
    """
    if not previous and not push_to_hub:
        raise click.UsageError(
            "Give --previous or --push-to-hub; a run promotes its best model itself: kedro run --nodes=promote"
        )
    folder = model_folder(model, run, env)
    if previous:
        from tweet_sentiment.best_model import bring_back

        manifest = bring_back(folder)
        click.echo(f"{folder}: {manifest['technique']} again, seed {manifest['seed']}.")
    if push_to_hub:
        click.echo(f"{folder} is at {_upload(folder, push_to_hub)}")


def _upload(folder: Path, name: str) -> str:
    """Upload a promoted model; return its address.

    Raises:
        StudyError: it is not whole or has no card, there is no token or no network, or the Hub refuses it.
    """
    from huggingface_hub import HfApi, constants, get_token
    from huggingface_hub.errors import HfHubHTTPError

    from tweet_sentiment.manifests import CARD, checked_manifest

    technique = checked_manifest(folder)["technique"]
    if not (folder / CARD).is_file():
        raise StudyError(f"{folder} has no card ({CARD}); only a run's best model can be uploaded.")
    if get_token() is None:
        raise StudyError("There is no token for the Hugging Face Hub; nothing is uploaded.\n  Give one:  hf auth login")
    try:
        repository = HfApi().create_repo(name, private=True, exist_ok=True)
        HfApi().upload_folder(repo_id=repository.repo_id, folder_path=folder, commit_message=f"Add {technique}")
    except (HfHubHTTPError, ValueError) as error:
        raise StudyError(f"The Hub refuses {name}: {str(error).splitlines()[0]}") from None
    except Exception as error:  # of whichever HTTP library it uses
        raise StudyError(f"The Hub ({constants.ENDPOINT}) does not answer, nothing is uploaded: {error}") from error
    return str(repository)
