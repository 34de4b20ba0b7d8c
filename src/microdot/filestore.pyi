from .stores import FolderStore as FolderStore
