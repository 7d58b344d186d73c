"""Which pixels decide? The Jacobian of a small network's scores with respect to its images, and an attack by it.

The digits are drawn on 12 by 12 pixels, shifted, faded and made noisy. A convolutional network is trained by
vector-Jacobian products with respect to a dict of weights, on the first backend. A batched Jacobian, batch first, then
gives for each image the derivative of each of the ten scores by each of the 144 pixels. To first order it also gives
the smallest change per pixel that turns one digit into another. The attack takes a step of that size along the signs of
the gradient (Goodfellow et al., 2015), and repeats it until the network is wrong (DeepFool, in the maximum norm).

Checked: the Jacobian against backpropagation by hand; that noise of the same size does little.

    python examples/image_sensitivity.py [--backends torch jax autograd] [--plot FILE]
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import everywhere
import numpy as np

import adhelpers

SIZE, CHANNELS = 12, 8
OUT = SIZE - 2  # positions of a 3 by 3 window along an axis


# -- images -----------------------------------------------------------------------------------------------------------


def glyphs() -> np.ndarray:
    """Ten digits of 7 by 5 pixels, as data/digits.txt draws them."""
    rows = (Path(__file__).parent / "data" / "digits.txt").read_text(encoding="utf-8").split()
    return np.array([[pixel == "#" for pixel in row] for row in rows], dtype=float).reshape(10, 7, 5)


def draw(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Images of shape (count, 12, 12) between 0 and 1, and the digits that they show."""
    labels = np.arange(count) % 10
    images = np.zeros((count, SIZE, SIZE))
    for image, glyph in zip(images, glyphs()[labels], strict=True):
        top, left = rng.integers(2, 5), rng.integers(2, 6)
        image[top : top + 7, left : left + 5] = rng.uniform(0.6, 1.0) * glyph
    return np.clip(images + 0.1 * rng.standard_normal(images.shape), 0.0, 1.0), labels


# -- the network ------------------------------------------------------------------------------------------------------


def scores(images: Any, weights: dict[str, Any]) -> Any:
    """A convolution, tanh, means of 2 by 2, and a dense layer: (B, 10) for images of shape (B, 12, 12)."""
    xp = adhelpers.array_namespace(images, *weights.values())
    windows = xp.stack([images[:, i : i + OUT, j : j + OUT] for i in range(3) for j in range(3)], axis=-1)
    features = xp.tanh(windows @ weights["kernel"] + weights["shift"])  # (B, 10, 10, 8)
    pooled = xp.mean(xp.reshape(features, (-1, OUT // 2, 2, OUT // 2, 2, CHANNELS)), axis=(2, 4))
    return xp.reshape(pooled, (-1, weights["dense"].shape[0])) @ weights["dense"] + weights["bias"]


def cross_entropy(weights: dict[str, Any], images: Any, truth: Any) -> Any:
    """The mean over images; `truth` is one-hot, (B, 10)."""
    logits = scores(images, weights)
    logs = adhelpers.special_namespace(logits).log_softmax(logits, axis=-1)
    return -adhelpers.array_namespace(logits).sum(truth * logs) / images.shape[0]


def train(backend: adhelpers.ADBackend, images: np.ndarray, labels: np.ndarray, steps: int = 300) -> dict[str, Any]:
    """Weights after `steps` of Adam, each on a hundred images."""
    rng = np.random.default_rng(1)
    inputs = (OUT // 2) ** 2 * CHANNELS
    weights = {
        "kernel": rng.standard_normal((9, CHANNELS)) / 3.0,
        "shift": np.zeros(CHANNELS),
        "dense": rng.standard_normal((inputs, 10)) / inputs**0.5,
        "bias": np.zeros(10),
    }
    first, second = ({key: np.zeros_like(value) for key, value in weights.items()} for _ in range(2))
    with backend.scope():  # JAX's 64-bit types
        gradient, one = None, backend.asarray(np.asarray(1.0))
        for step in range(1, steps + 1):
            chosen = rng.choice(len(images), 100, replace=False)
            batch = backend.asarray(images[chosen]), backend.asarray(np.eye(10)[labels[chosen]])
            if gradient is None:
                operation = adhelpers.vector_jacobian_product
                gradient = adhelpers.prepare(operation, cross_entropy, backend, weights, one, args=batch)
            for key, leaf in gradient(weights, one, *batch).items():
                g = backend.to_numpy(leaf)
                first[key] = 0.9 * first[key] + 0.1 * g
                second[key] = 0.99 * second[key] + 0.01 * g**2
                mean, variance = first[key] / (1 - 0.9**step), second[key] / (1 - 0.99**step)
                weights[key] = weights[key] - 0.02 * mean / (np.sqrt(variance) + 1e-8)
    return weights


# -- sensitivity and attack -------------------------------------------------------------------------------------------


class Sensitivity:
    """Scores (B, 10) of images, and their derivatives (B, 10, 12, 12), to and from NumPy, on any backend."""

    def __init__(self, backend: adhelpers.ADBackend, images: np.ndarray, weights: dict[str, np.ndarray]) -> None:
        self.to_numpy = backend.to_numpy
        with backend.scope():
            self.weights = {key: backend.asarray(value) for key, value in weights.items()}
        # Ten scores are fewer than 144 pixels. With the mode named, JAX does not compile and try forward mode.
        operation, options = adhelpers.value_and_batched_jacobian, {"batch_axis": 0, "mode": "reverse"}
        self.prepared = adhelpers.prepare(operation, scores, backend, images, args=(self.weights,), **options)

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y, jacobian = (self.to_numpy(result) for result in self.prepared(images, self.weights))
        return y, jacobian.reshape(*y.shape, SIZE, SIZE)


def by_hand(images: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray:
    """The Jacobian, layer by layer from the scores to the pixels."""
    windows = np.stack([images[:, i : i + OUT, j : j + OUT] for i in range(3) for j in range(3)], axis=-1)
    slope = 1.0 - np.tanh(windows @ weights["kernel"] + weights["shift"]) ** 2
    dense = weights["dense"].reshape(OUT // 2, OUT // 2, CHANNELS, 10).repeat(2, axis=0).repeat(2, axis=1) / 4.0
    by_window = np.einsum("bijc,ijcm,wc->bmijw", slope, dense, weights["kernel"])
    jacobian = np.zeros((len(images), 10, SIZE, SIZE))
    for w in range(9):
        i, j = divmod(w, 3)
        jacobian[:, :, i : i + OUT, j : j + OUT] += by_window[..., w]
    return jacobian


def attack(sensitivity: Sensitivity, images: np.ndarray, labels: np.ndarray, steps: int = 20) -> np.ndarray:
    """Images between 0 and 1, close to those given, that the network takes for other digits."""
    each = np.arange(len(images))
    changed = images
    for _ in range(steps):
        y, jacobian = sensitivity(changed)
        margin = y[each, labels, None] - y  # (B, 10): by how much the truth leads
        slope = jacobian[each, labels, None] - jacobian
        margin[each, labels] = np.inf
        right = np.min(margin, axis=-1) > 0.0
        # A black pixel cannot become darker, nor a white one brighter.
        slope = np.where(np.where(slope > 0.0, changed[:, None] > 0.0, changed[:, None] < 1.0), slope, 0.0)
        # The change per pixel, along the signs of the slope, that uses up the lead.
        reach = margin / np.maximum(np.sum(np.abs(slope), axis=(2, 3)), 1e-300)
        rival = np.argmin(reach, axis=-1)
        step = 1.1 * reach[each, rival, None, None] * np.sign(slope[each, rival])
        changed = np.where(right[:, None, None], np.clip(changed - step, 0.0, 1.0), changed)
    return changed


def plot(path: str, images: np.ndarray, saliency: np.ndarray, changed: np.ndarray, taken: np.ndarray) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.0, 3.6), layout="constrained")
    axes = figure.subplots(3, len(images))
    limit = np.max(np.abs(saliency))
    for column, rows in enumerate(zip(images, saliency, changed, strict=True)):
        for axis, picture, style in zip(axes[:, column], rows, ("gray", "RdBu_r", "gray"), strict=True):
            low = -limit if style == "RdBu_r" else 0.0
            axis.imshow(picture, cmap=style, vmin=low, vmax=limit if low else 1.0)
            axis.set(xticks=[], yticks=[])
        axes[2, column].set_xlabel(f"taken for {taken[column]}")
    for axis, label in zip(axes[:, 0], ("image", "d score / d pixel", "attacked"), strict=True):
        axis.set_ylabel(label)
    figure.savefig(path, dpi=120)


def main(argv: list[str] | None = None) -> None:
    parser = everywhere.parser(__doc__)
    parser.add_argument("--plot", metavar="FILE", help="save a picture of ten digits (needs matplotlib)")
    options = parser.parse_args(argv)
    backends = everywhere.chosen(options.backends, exact=True)
    rng = np.random.default_rng(0)
    weights = train(next(iter(backends.values())), *draw(1000, rng))
    images, labels = draw(100, rng)  # not seen in training
    reference = by_hand(images, weights)
    signs = rng.choice([-1.0, 1.0], size=images.shape)

    print(f"{'':>18}  accuracy; error of the Jacobian; after the attack, its size; after noise of that size")
    jacobians, attacked = {}, {}
    for name, backend in backends.items():
        sensitivity = Sensitivity(backend, images, weights)
        jacobians[name] = sensitivity(images)[1]
        attacked[name] = attack(sensitivity, images, labels)
        size = np.max(np.abs(attacked[name] - images), axis=(1, 2), keepdims=True)
        variants = (images, attacked[name], np.clip(images + size * signs, 0.0, 1.0))
        before, after, noisy = (float(np.mean(np.argmax(sensitivity(v)[0], axis=-1) == labels)) for v in variants)
        off = everywhere.error(jacobians[name], reference)
        print(f"{name:>18}: {before:8.0%}; {off:.1e}; {after:.0%}, median {np.median(size):.3f}; {noisy:.0%}")
        everywhere.require(off < 1e-12, f"the Jacobian on {name} is off by {off:.1e}")
        everywhere.require(before > 0.95 and noisy > 0.8, f"the network on {name} is bad: {before:.0%}, {noisy:.0%}")
        everywhere.require(after < 0.01, f"on {name} the attack leaves {after:.0%} of the images")

    y, changed = sensitivity(images)[0], attacked[next(iter(attacked))]
    taken = np.argmax(sensitivity(changed)[0], axis=-1)
    right = np.argmax(y, axis=-1) == labels
    ten = np.array([np.flatnonzero(right & (labels == digit))[0] for digit in range(10)])
    size = np.max(np.abs(changed - images), axis=(1, 2))
    print("\ntaken for", ", ".join(f"{labels[k]} -> {taken[k]} ({size[k]:.3f})" for k in ten))
    everywhere.require_agreement(jacobians, backends, 1e-12, "Jacobians")
    everywhere.require_agreement(attacked, backends, 1e-10, "attacked images")
    if options.plot:
        plot(options.plot, images[ten], reference[ten, labels[ten]], changed[ten], taken[ten])
        print(f"saved {options.plot}")


if __name__ == "__main__":
    main()
