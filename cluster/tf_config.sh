# Sets TF_CONFIG from SLURM's variables; to be sourced by one task a node.
port=$((20000 + SLURM_JOB_ID % 20000)) # jobs that share a node rarely share it
workers=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed "s/.*/\"&:$port\"/" | paste -sd,)
if [ "$SLURM_NNODES" -gt 1 ]; then
    task="{\"type\": \"worker\", \"index\": $SLURM_PROCID}"
    export TF_CONFIG="{\"cluster\": {\"worker\": [$workers]}, \"task\": $task}"
fi
