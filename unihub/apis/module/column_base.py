"""The base of feature columns of modules and of TF2 SavedModels."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import Any, Dict, List

# tf.feature_column makes columns, but does not name this class.
from tensorflow.python.feature_column.feature_column_v2 import StateManager

from unihub.errors import path_text
from unihub.errors.arguments import wrong_type

# From TensorFlow 2.2 on the columns of a layer may keep a layer.
HAS_RESOURCES = hasattr(StateManager, "has_resource")

# The name of a column's state in the StateManager of a DenseFeatures layer.
STATE = "module"


@dataclass(frozen=True)
class Column:
    """The base of all columns: a key, a name, a config.

    TensorFlow 1.15 asks for some of it under names with an underscore, and so
    do its columns of before Keras in every release.
    """

    key: Any

    def __post_init__(self) -> None:
        # A column of another kind may make the feature.
        if not isinstance(getattr(self.key, "name", self.key), str):
            line = "unihub.text_embedding_column('feature', 'path/to/module')"
            raise wrong_type("key=", self.key, "the name of a feature", line)

    @property
    def name(self) -> str:
        """The name of the column for variable scopes and layers."""
        key = self.key if isinstance(self.key, str) else self.key.name
        return f"{key}_hub_module_embedding"

    @property
    def parents(self) -> List[Any]:
        return [self.key]

    @property
    def _is_v2_column(self) -> bool:
        return True

    def transform_feature(self, transformation_cache: Any, state_manager: Any) -> Any:
        return transformation_cache.get(self.key, state_manager)

    def get_config(self) -> Dict[str, Any]:
        """The arguments to make the column with again, by from_config."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.init}

    def _get_config(self) -> Dict[str, Any]:
        return self.get_config()

    @classmethod
    def from_config(
        cls, config: Dict[str, Any], custom_objects: Any = None, columns_by_name: Any = None
    ) -> Any:
        return cls(**config)

    @classmethod
    def _from_config(
        cls, config: Dict[str, Any], custom_objects: Any = None, columns_by_name: Any = None
    ) -> Any:
        return cls.from_config(config, custom_objects, columns_by_name)


def hashable(spec: Any) -> Any:
    """A handle as text; anything else as it is."""
    return path_text(spec) if isinstance(spec, os.PathLike) else spec
