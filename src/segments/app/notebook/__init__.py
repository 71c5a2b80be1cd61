"""What people have at hand in a notebook: a project that was run, or a DataFrame and no project; both through the functions of the stages.

Comes in: a folder, or a table. Goes out: tables, figures, the model's answers. `import segments` names what is public here; nothing is written but on request.
"""
