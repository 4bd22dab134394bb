internal import TokenReel
