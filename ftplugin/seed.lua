-- Runs for buffers of the filetype yaml.seed, after the one of yaml.
require("seed.lsp").attach()
