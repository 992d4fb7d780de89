"""Texts as the student reads them: the teacher's tokens, without those
that stand for nothing."""

NOTHING = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def student_tokens(tokenizer, texts):
    """The token numbers of texts, of any length."""
    truncation = tokenizer.truncation
    tokenizer.no_truncation()
    found = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    if truncation:
        tokenizer.enable_truncation(truncation["max_length"])
    nothing = {tokenizer.token_to_id(token) for token in NOTHING}
    return [[nth for nth in one.ids if nth not in nothing] for one in found]
