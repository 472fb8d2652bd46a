"""The redo stream: `feed` on the writer, `follower` on the readers, `messages` between them."""
