"""What people call a feature: the words of reasons, without a value in them."""

import re

from edml.explanation._phrases import words_of

_PLACE = re.compile(r"\{[^}]*\}")


def name_feature(name: str, language: str) -> str:
    """Give the name of a feature for people.

    Parameters
    ----------
    name : str
        As the library has it.
    language : {"en", "es"}
        Which.

    Returns
    -------
    text : str
        "…" stands where a reason has the value; a feature that the library does not
        know keeps its name.

    Examples
    --------
    >>> from edml.app._feature_names import name_feature
    >>> name_feature("nota_overall_mean", "en"), name_feature("score_max", "es")
    ('mean exam grade', 'mejor puntaje en tareas')
    """
    phrases = words_of(language).features.get(name)
    if phrases is None:
        return name
    text = _PLACE.sub("…", phrases[0])
    return re.sub(r":? …$", "", text)
