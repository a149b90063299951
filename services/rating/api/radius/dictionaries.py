"""The dictionary of the RADIUS door: our own file, then those that an operator adds."""

from pathlib import Path

from pyrad.dictionary import Dictionary, ParseError

from chassis.settings import SettingsError

OWN_DICTIONARY = Path(__file__).with_name("dictionary.tollbook")
FILE_PATTERN = "dictionary.*"


class DictionaryError(SettingsError):
    """A dictionary file that cannot be read: which, and why."""


def load_dictionary(folder: Path | None) -> Dictionary:
    """Read our dictionary and every `dictionary.*` of a folder; a later definition counts.

    Each file stands for itself: name the vendors that are needed. The master file of FreeRADIUS
    includes formats that pyrad does not know.
    """
    dictionary = Dictionary(str(OWN_DICTIONARY))
    for path in sorted(folder.glob(FILE_PATTERN)) if folder is not None else ():
        try:
            dictionary.ReadDictionary(str(path))
        except (OSError, ValueError, ParseError) as error:
            raise DictionaryError(
                f"{path} is no dictionary that can be read ({error}); correct it, or take it away"
            ) from error
    return dictionary
