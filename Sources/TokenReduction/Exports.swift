// One import brings the grids, plans and errors that every call here is made of.
@_exported public import TokenCore
