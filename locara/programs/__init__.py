"""Programs that read what strangers wrote: pictures, PDF pages, text to speak. Each call is a process of its own.

Outside (`tesseract`, `pdfium`, `espeak` say what to start, `plan` how it is confined, `starter` watches it) the
app's broker works; inside its sandbox `inside` confines the program further and becomes it; the runtime talks to
it through `exchange` and believes what it says only after `pictures`, `words`, `pages` and `sound` checked it.
"""
