-- The same server for fragments in files of any other kind, beside servers of their own: it offers nothing that those do.
return require("seed.fragment").config("fragments")
