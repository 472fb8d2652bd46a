"""The shared volume: redo records, segments, storage nodes and the client every instance uses."""
