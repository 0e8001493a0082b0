"""The published DLGN on SDI: an epoch beside others', and whole fits."""

from benchmarks.processes import Absent, Worker
from benchmarks.rows import Comparison, LeftOut
from benchmarks.turns import by_turns, timed

# Epochs of a round, and seconds within which a published fit is to end.
EPOCHS, GOALS = 20, {"sdi": 90.0, "sdii": 300.0}


def compare(options):
    from dlgn_tf.tabular.trees import published

    setting, task = published.PUBLISHED["sdi", "dlgn"], published.task("sdi")
    (x, labels), _, _ = task.parts()
    own = _own(x, labels, setting)
    classifier = _classifier(x, labels, setting)
    yield _beside("scikit-learn's MLPClassifier", own, classifier, options)
    steepness = setting.beta, setting.learning_rate, *setting.widths
    words = (*x.shape[::-1], 10, EPOCHS, *steepness)
    try:
        with Worker(options.torch_python, "vectors_torch", *words) as torch:
            yield _beside("PyTorch's eager loop", own, torch, options)
    except Absent as absent:
        yield LeftOut("PyTorch's eager loop", str(absent))
    for (name, family), setting in published.PUBLISHED.items():
        if name in GOALS:
            yield _whole_fit(name, family, setting)


def _beside(name, own, other, options):
    return Comparison(
        "DLGN of 5x20 on SDI",
        f"{name}, 5x20",
        "epochs/s",
        EPOCHS,
        by_turns(options.rounds, own, other),
        "the MLPClassifier has no gating network, so half the weights",
    )


def _own(x, labels, setting):
    from dlgn_tf.tabular import fitting, networks
    from dlgn_tf.tabular.trees import published

    form = networks.Form("dlgn", x.shape[1], setting.widths, beta=setting.beta)
    weights, rows = networks.initial(form, 0), published.rows(x, labels)
    plan = fitting.Plan("logistic", EPOCHS, 10, setting.learning_rate)
    return lambda: fitting.fit(form, weights, rows, plan)


def _classifier(x, labels, setting):
    import warnings

    from sklearn.neural_network import MLPClassifier

    classifier = MLPClassifier(
        setting.widths,
        batch_size=len(x) // 10,
        learning_rate_init=setting.learning_rate,
        max_iter=EPOCHS,
        tol=0.0,
        n_iter_no_change=EPOCHS,
        random_state=0,
    )
    x = x.astype("float32")

    def train():
        with warnings.catch_warnings():
            # It is to end before it has converged.
            warnings.simplefilter("ignore")
            classifier.fit(x, labels)

    return train


def _whole_fit(name, family, setting):
    """A published fit, once, beside the seconds that it may take."""
    from dlgn_tf.tabular.trees import published

    task, found = published.task(name), []
    seconds = timed(
        lambda: found.append(published.train(task, family, setting, seed=0))
    )
    return Comparison(
        f"{family} on {name.upper()}, {published.EPOCHS:,} epochs",
        f"{GOALS[name]:.0f} s",
        "fits/s",
        1,
        [(seconds, GOALS[name])],
        f"{seconds:.1f} s, test accuracy {found[0].accuracy:.4f}",
    )
