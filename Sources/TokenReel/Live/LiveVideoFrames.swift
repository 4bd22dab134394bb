public import VideoDecoding

extension LiveVideo: LiveFrames {}
