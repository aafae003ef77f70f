"""The pages, one file each. Streamlit runs them as scripts; being a package lets tools see what they import."""
