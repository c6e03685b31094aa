#!/usr/bin/python3
"""The console's files keep what its page promises: no markup from strings, nothing inline, nothing from
elsewhere, every text in one place, and a page that is small and loads in one round of requests."""

import gzip
import pathlib
import re
import sys
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CONSOLE = REPOSITORY / "lib/api/console"
LARGEST = 60_000  # bytes of all files together, compressed

# What makes markup, code or a place to go to out of a string.
MARKUP = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|"
                    r"srcdoc|setHTML|\beval\b|new Function|javascript:|setTimeout\(\s*[\"'`]|localStorage|document\.cookie")
INLINE = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>|<style|\sstyle=|\son\w+=", re.IGNORECASE)
ELSEWHERE = re.compile(r"(?i:(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,})|@import|url\(")
NAMESPACE = "http://www.w3.org/2000/svg"

# A word with a capital, or several words, between quotes: somebody would read it.
SPOKEN = re.compile(r'"([A-Z][a-z]+(?: [^"]*)?|[a-z]+ [a-z]+ [a-z ]+[.?!]?)"')
# Names of the platform that look like words.
PLATFORM = {"Content-Encoding", "Content-Length", "Content-Disposition", "Content-Type", "Authorization", "Accept",
            "Bearer", "Enter", "AbortError", "Home", "End"}


def scripts():
    return sorted(CONSOLE.glob("*.js"))


def found(pattern, text, allowed=()):
    return [match.group(0) for match in pattern.finditer(text) if match.group(0) not in allowed]


class Console(unittest.TestCase):
    def test_no_markup_is_made_of_strings(self):
        for path in scripts():
            self.assertEqual(found(MARKUP, path.read_text(encoding="utf-8")), [], path.name)

    def test_nothing_is_inline(self):
        self.assertEqual(found(INLINE, (CONSOLE / "index.html").read_text(encoding="utf-8")), [])

    def test_nothing_comes_from_elsewhere(self):
        for path in sorted(CONSOLE.iterdir()):
            self.assertEqual(found(ELSEWHERE, path.read_text(encoding="utf-8").replace(NAMESPACE, "")), [], path.name)

    def test_texts_are_in_one_place(self):
        for path in scripts():
            if path.name == "texts.js":
                continue
            code = re.sub(r"^\s*//.*|\s//.*", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
            spoken = [text for text in SPOKEN.findall(code) if text not in PLATFORM]
            self.assertEqual(spoken, [], path.name)

    def test_the_page_names_all_that_it_needs(self):
        page = (CONSOLE / "index.html").read_text(encoding="utf-8")
        named = set(re.findall(r'(?:href|src)="/console/([^"]+)"', page))
        self.assertEqual(named, {path.name for path in CONSOLE.iterdir()} - {"index.html"})
        build = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
        for path in CONSOLE.iterdir():
            self.assertRegex(build, rf"[\s]{re.escape(path.name)}[\s)]", path.name)

    def test_the_page_is_small(self):
        size = sum(len(gzip.compress(path.read_bytes(), 9)) for path in CONSOLE.iterdir())
        print(f"{size} bytes, compressed", file=sys.stderr)
        self.assertLess(size, LARGEST)

    def test_the_checks_can_fail(self):
        self.assertTrue(found(MARKUP, "place.innerHTML = name;"))
        self.assertTrue(found(INLINE, "<script>alert(1)</script>"))
        self.assertTrue(found(INLINE, '<p onclick="x()">'))
        self.assertFalse(found(INLINE, '<script type="module" src="/console/console.js"></script>'))
        self.assertTrue(found(ELSEWHERE, 'fetch("https://example.com/x")'))
        self.assertTrue(SPOKEN.search('h("p", {}, "Sign in")'))


if __name__ == "__main__":
    unittest.main()
