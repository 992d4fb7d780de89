-- The same server for Markdown: the links of notes, and fragments.
return require("seed.fragment").config("notes")
