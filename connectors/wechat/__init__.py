"""The WeChat Official Account: envelope (what is authentic), messages (what is meant), delivery (in time, once), platform (calls)."""
