"""Journal pages: what several runs were for, in what they differ, and what came of them; Markdown, HTML and figures."""
