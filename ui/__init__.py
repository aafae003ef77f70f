"""What the pages share: the drawing component, the words of every state, the live text field."""
