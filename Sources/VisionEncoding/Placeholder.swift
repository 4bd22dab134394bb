internal import TokenCore
