public import TokenCore

extension CheckpointFolder {
    /// The vision tower of a checkpoint, whichever family it is of.
    ///
    /// - Throws: What ``VisionTower/init(_:options:)`` and ``QwenTower/init(_:options:)`` throw.
    public func encoder(_ options: VisionTowerOptions = VisionTowerOptions()) throws(TokenReelError) -> any FrameEncoder
    {
        configuration.qwen == nil
            ? try VisionTower(self, options: options) : try QwenTower(self, options: options)
    }
}
