"""The site: pages over the finished editions of all countries, made of files alone.

It reads what editions hold in their machine forms, so it works for editions made earlier too, and computes no
figure. Modules: ``reading`` (what a folder of editions holds), ``frame`` (what every page has), one module per
page, ``writing`` (the folder). Import the module you need, none is heavy to import.
"""
