"""Two metrics of some models that an evaluation in words looks for; all others are named where they are measured."""

# The share of events that the model predicts right, where that is another number than its accuracy of labels.
EVENT_PREDICTIONS = 'metrics/foreseen'
# The loss by event, where that is another number than the loss that is minimized.
LOSS_OF_EVENTS = 'metrics/loss_of_events'
