"""What is learned from text: the chance that its writer is content, and that others find it helpful."""

from river import linear_model, optim

from online_models.contract import Inputs
from online_models.odds import probability
from online_models.rows import bounded, sane
from online_models.words import form_inputs, word_inputs

# Of 0.1, 0.3 and 0.6, the last ranks best on Chinese and the middle one on English reviews; they differ by 0.003.
_RATE = 0.3

CONTENT_STARS = 4
DISCONTENT_STARS = 2


class SparseLogistic:
    """Logistic regression on many rare inputs: river's, with AdaGrad, so that rare words learn as fast as common ones.

    It keeps the contract on the scale of log-odds.

    Example:
        >>> learner = SparseLogistic()
        >>> for _ in range(50):
        ...     learner.learn({"good": 1.0}, 1.0)
        ...     learner.learn({"bad": 1.0}, 0.0)
        >>> learner.predict({"good": 1.0}) > 1.0, learner.predict({"bad": 1.0}) < -1.0
        (True, True)
    """

    def __init__(self) -> None:
        self._model = linear_model.LogisticRegression(optimizer=optim.AdaGrad(_RATE), intercept_lr=0.0)

    def predict(self, inputs: Inputs) -> float:
        """The log-odds."""
        # The public property copies all weights, which are a hundred thousand.
        return bounded(float(self._model._raw_dot_one(sane(inputs))))  # noqa: SLF001 - as said above

    def learn(self, inputs: Inputs, target: float) -> None:
        """One step of gradient descent."""
        self._model.learn_one(sane(inputs), bounded(target) > 0.0)

    def coefficients(self) -> Inputs:
        """The weight of each input."""
        return {name: float(weight) for name, weight in self._model.weights.items()}


class TextModels:
    """Sentiment, learned from stars, and quality, learned from helpful votes; each is asked before it learns."""

    def __init__(self) -> None:
        self._content = SparseLogistic()
        self._helpful = SparseLogistic()
        self.learned = 0

    def content(self, text: str) -> float:
        """The chance that the writer is content."""
        return probability(self._content.predict(word_inputs(text)))

    def quality(self, text: str) -> float:
        """The chance that somebody finds the text helpful."""
        return probability(self._helpful.predict(word_inputs(text) | form_inputs(text)))

    def learn(self, text: str, stars: int, helpful_votes: int | None) -> None:
        """Learn from one text; three stars say nothing of sentiment, unknown votes nothing of quality."""
        inputs = word_inputs(text)
        if stars >= CONTENT_STARS or stars <= DISCONTENT_STARS:
            self._content.learn(inputs, float(stars >= CONTENT_STARS))
            self.learned += 1
        if helpful_votes is not None:
            self._helpful.learn(inputs | form_inputs(text), float(helpful_votes > 0))
