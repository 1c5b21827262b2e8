CREATE INDEX items_by_kind ON items (kind);
