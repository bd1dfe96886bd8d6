"""The processor: dedupe, record, apply reports, mark keywords, hand turns to their agents."""
