"""The Comet deck of a task in the Flyte console: whether there is one, where it stands, when it is published."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from flytekit import Deck
from flytekit.core.context_manager import ExecutionParameters, ExecutionState, FlyteContext, FlyteContextManager
from flytekit.core.python_function_task import PythonFunctionTask

from ..deck.observer import DeckObserver
from ..deck.page import DeckContent, render
from .registration import TemplateConfig

DECK_NAME = "Comet"


def deck_observer(context: FlyteContext, template: TemplateConfig) -> DeckObserver | None:
    """What follows the experiments of a call, and shows them in the deck of its task.

    flytekit says in two places whether a task has decks. The context of the call says it, but a task within another one
    finds the other's answer there. The task says it, but a task that is mapped has its own answer, and a map task never
    has decks. A worker process of an Elastic task finds no answer in its context. Its parent publishes the decks.

    Args:
        context: flytekit's context of the call.
        template: What the task adds to its template; it knows the task.

    Returns:
        None for a task without decks.
    """
    parameters = context.user_space_params
    # The context says so from the flytekit on that has `Deck.publish`.
    says = isinstance(parameters, ExecutionParameters) and hasattr(type(parameters), "enable_deck")
    if says and parameters.enable_deck:
        return DeckObserver(_Deck(context, template, publishes=True)) if template.decks is not False else None
    unseen = not says or template.from_another_process
    return DeckObserver(_Deck(context, template, publishes=False)) if unseen and template.decks else None


class CometDeck(Deck):  # type: ignore[misc]  # flytekit's types are not known everywhere
    """The deck of one call.

    Attributes:
        html: The page.
    """

    html: str = ""

    def __init__(self) -> None:
        super().__init__(DECK_NAME)


class _Deck:
    """Shows a call's experiments in a deck, from whatever thread."""

    def __init__(self, context: FlyteContext, template: TemplateConfig, *, publishes: bool) -> None:
        state = context.execution_state
        self._local = state is None or state.mode is None or state.is_local_execution()
        if not self._local:
            # flytekit uploads decks in this mode only, which the body of @dynamic or @eager is not in.
            state = state.with_params(mode=ExecutionState.Mode.TASK_EXECUTION)
        self._context = context.with_execution_state(state)
        self._template = template
        self._publishes = publishes
        self._deck: CometDeck | None = None

    def __call__(self, contents: Sequence[DeckContent]) -> None:
        html = render(contents)
        with FlyteContextManager.with_context(self._context) as context:
            self._place(context.user_space_params.decks).html = html
            if self._publishes and self._is_due({content.status for content in contents}):
                Deck.publish()

    def _place(self, decks: list[Deck]) -> CometDeck:
        """The call's deck, the only one of Comet's in the task's list.

        Locally, the tasks of a process have one list of decks, and flytekit shows the last one of a name.
        """
        if self._deck is None:
            self._deck = CometDeck()
        for deck in list(decks):
            if isinstance(deck, CometDeck) and deck is not self._deck:
                with suppress(ValueError):
                    decks.remove(deck)
        if not any(deck is self._deck for deck in decks):
            decks.append(self._deck)
        return self._deck

    def _is_due(self, statuses: set[str]) -> bool:
        """Whether to publish, or leave it to flytekit.

        In a pod, people can look while the task runs. At its end, flytekit publishes all decks. In a pod it does so
        after an exception too, but not after `sys.exit` or a signal. Locally it does so only after success, and never
        for `@dynamic`.
        """
        if "running" in statuses:
            return not self._local
        return statuses != {"finished"} or (self._local and self._is_dynamic())

    def _is_dynamic(self) -> bool:
        mode = getattr(self._template.find_task(), "execution_mode", None)
        return bool(mode == PythonFunctionTask.ExecutionBehavior.DYNAMIC)
