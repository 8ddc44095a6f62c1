"""Train a Keras model (on PyTorch) with Comet's callback.

    KERAS_BACKEND=torch pyflyte run examples/keras_classifier.py digits --epochs 5

In a cluster, with `my-registry` in `image` replaced by yours:

    pyflyte run --remote examples/keras_classifier.py digits --epochs 5
"""

import comet_ml
import keras
from flytekit import ImageSpec, Secret, task, workflow
from flytekitplugins.comet_ml import comet_ml_login
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

image = ImageSpec(
    name="keras-digits",
    registry="my-registry",
    packages=["flytekitplugins-comet-ml>=2", "keras", "scikit-learn", "torch"],
    env={"KERAS_BACKEND": "torch"},
)


@task(container_image=image)
@comet_ml_login(
    project_name="keras-digits",
    workspace="my-team",
    secret=Secret(group="comet-ml", key="comet-ml-api-key"),
)
def train(epochs: int, learning_rate: float = 0.01) -> float:
    """Train, and return the accuracy on the images that were held out."""
    images, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(images / 16, labels, test_size=0.25, random_state=0)
    model = keras.Sequential([keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10, activation="softmax")])
    model.compile(keras.optimizers.Adam(learning_rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train_x, train_y, epochs=epochs, validation_data=(test_x, test_y), verbose=0)
    loss, accuracy = model.evaluate(test_x, test_y, verbose=0)
    comet_ml.get_running_experiment().log_metrics({"test_loss": loss, "test_accuracy": accuracy})
    return float(accuracy)


@workflow
def digits(epochs: int = 5) -> float:
    """The workflow: one tracked task."""
    return train(epochs=epochs)
