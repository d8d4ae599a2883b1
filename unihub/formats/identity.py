"""Tells a model by its content, wherever it is."""

from __future__ import annotations

import hashlib
import os

from unihub.formats.files import CHECKPOINT, HUB_FILE, PB_FILE, PBTXT_FILE, content_digest


def content_identity(path: str) -> str:
    """The SHA-256 of what a model is, in hexadecimal: its graph, variables and assets.

    The variables' index stands for them, with a checksum of each; of their files only the
    sizes count, so that it costs little however large they are.
    """
    digest = hashlib.sha256()
    folders = ("", os.path.dirname(CHECKPOINT), "assets")
    for folder in folders:
        inside = os.path.join(path, folder)
        for name in sorted(os.listdir(inside)) if os.path.isdir(inside) else ():
            file = os.path.join(inside, name)
            if not folder and name not in (HUB_FILE, PB_FILE, PBTXT_FILE):
                continue
            if os.path.isfile(file):
                is_data = name.startswith(f"{os.path.basename(CHECKPOINT)}.data")
                size = os.path.getsize(file)
                found = str(size) if is_data else content_digest(path, os.path.join(folder, name))
                digest.update(f"{found}  {folder}/{name}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
