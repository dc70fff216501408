-- +goose Up

-- JSON of the import that fills the app, which nobody finds until it has ended; NULL for none.
ALTER TABLE apps ADD COLUMN import TEXT;

-- +goose Down
ALTER TABLE apps DROP COLUMN import;
