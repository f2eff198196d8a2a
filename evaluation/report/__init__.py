"""The report of an evaluation, one HTML file, and the files of TensorBoard's projector.

    run          a run folder -> `inputs.Inputs` -> report.html; the only part that reads a run
    inputs       everything that a page shows: arrays, lists and the dict of metrics.json
    page         Inputs -> HTML, through report.html.jinja; one function per section
    tables       numbers in the tables          curves     the plots
    galleries    queries and their neighbours   errors     errors, explained
    suspects     labels that may be wrong       attention  where each head looks
    photos       photos as the page shows them  images     photos and figures as data: URIs
    run_files    metrics.csv and advice.json    projector  the files of TensorBoard's projector

Everything but `run` and `attention.explain` is a function of arrays and needs no TensorFlow.
"""
