"""From list files to batches: lists, samplers, augmentation and the tf.data pipeline."""
