"""Media: files whose links expire, and the copies that outlive them."""
