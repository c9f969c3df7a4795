"""Server metrics: what is measured, how a cycle is packed, rated, chunked, rolled up and thinned."""
