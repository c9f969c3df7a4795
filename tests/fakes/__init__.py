"""Stand-ins for servers we do not own: real sockets, real protocols, and every way to misbehave."""
